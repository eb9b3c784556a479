with source as (
    select * from {{ source('vending', 'products') }}
    {{ where_held_by_then() }}
),

typed as (
    select
        *,
        case
            when {{ full_match(id_text('fc_number'), '[0-9]+') }}
                then {{ id_text('fc_number') }}
        end as fc_number_text,
        {{ number_between('onqi', 'integer', 0, 100) }} as onqi_score,
        {{ number_between('cost', 'decimal(18, 2)', 0, 100000) }} as cost_usd,
        case
            when {{ full_match('margins', '[0-9]{1,2}%|100%') }}
                then cast(replace(margins, '%', '') as double) / 100
        end as margin_share
    from source
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        {{ feed_identity('products') }} as event_identity,
        {{ id_text('product_id') }} as product_id,

        -- text
        {{ clean_text('product_name') }} as product_name,
        {{ clean_text('brand') }} as brand,
        fc_number_text as fc_number,
        case
            when {{ id_text('product_id') }} is null then 'no_product_id'
            when {{ is_damaged_id('product_id') }} then 'damaged_id'
        end as set_aside_reason,

        -- numbers
        onqi_score,
        cost_usd,
        margin_share,

        -- booleans
        (fc_number is not null and fc_number_text is null)
        or (onqi is not null and onqi_score is null)
        or (cost is not null and cost_usd is null)
        or (margins is not null and margin_share is null) as has_untyped_values,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from typed
)

select * from renamed
