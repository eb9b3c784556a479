{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['kiosk_id', 'product_id', 'customer_key', 'purchased_at_utc'],
    on_schema_change='fail',
    meta={'event_date': 'purchase_date'},
) }}

with current_rows as (
    select * from {{ ref('int_purchase_row_fates') }}
    where fate = 'current_version'
),

touched_rows as (
    select * from current_rows
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_purchases_touched'), 'identity_key', 'event_date'
        ) }}
    {%- endif %}
),

numbered as (
    select
        *,
        sum(n_units) over (
            partition by identity_key
            order by _row_hash, _copy
            rows between unbounded preceding and current row
        ) as last_unit_number
    from touched_rows
),

units as (
    select
        *,
        {{ whole_numbers_between(
            'cast(last_unit_number - n_units + 1 as bigint)',
            'cast(last_unit_number as bigint)'
        ) }} as unit_number
    from numbered
),

purchases as (
    select
        {{ surrogate_key(['identity_key', 'unit_number']) }} as purchase_key,
        kiosk_id,
        product_id,
        customer_key,
        fc_number,
        time_quality,
        cast(extract(hour from purchased_at) as integer) as purchase_hour,
        cast(extract(hour from purchased_at_utc) as integer) as purchase_hour_utc,
        unit_number,
        price_usd,
        has_untyped_values,
        cast(purchased_at as date) as purchase_date,
        purchased_at,
        purchased_at_utc,
        _delivery_seq,
        _change_seq,
        _line
    from units
)

-- By date, and within it by time, which stores instants in fewer bytes.
select * from purchases
order by purchased_at
