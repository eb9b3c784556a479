{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with purchases as (
    select * from {{ ref('stg_vending__purchases') }}
    {% if is_incremental() -%}
        where _change_seq > {{ built_change_seq() }}
    {%- endif %}
),

identified as (
    select
        _row_hash,
        _copy,
        case
            when set_aside_reason is null
                then {{ surrogate_key(
                    ['kiosk_id', 'product_id', 'customer_key', 'purchased_at_utc']
                ) }}
            else {{ surrogate_key(['_row_hash', '_copy']) }}
        end as identity_key,
        customer_key,
        kiosk_id,
        product_id,
        fc_number,
        time_quality,
        set_aside_reason,
        n_units,
        price_usd,
        has_untyped_values,
        has_quantity_or_price,
        -- The same for all rows of an identity, whatever offsets they were sent with;
        -- and never null, so that a row set aside can be found by date as well.
        coalesce(cast(purchased_at_utc as date), cast('1900-01-01' as date))
            as event_date,
        purchased_at,
        purchased_at_utc,
        _delivery_seq,
        _change_seq,
        _line
    from purchases
)

-- Ordered, so that looking up an identity on its date reads little.
select * from identified
order by event_date
