with source as (
    select * from {{ source('vending', 'purchases') }}
    {{ where_held_by_then() }}
),

hashed as (
    select
        *,
        {{ hash_text('card_hash') }} as card_hash_text
    from source
),

parsed as (
    select
        *,
        {{ id_text('fc_number') }} as fc_number_text,
        {{ id_text('quantity') }} as quantity_text,
        {{ replace_pattern(clean_text('price'), '^[$] ?', '') }} as price_text,
        {{ keyed_text('card_hash_text') }} as keyed_card,
        {{ feed_time('purchases', 'date_time') }} as zone_time,
        {{ feed_instant('purchases', 'date_time') }} as purchased_at_utc,
        {{ feed_time_with_offset('purchases', 'date_time') }} as time_with_offset
    from hashed
),

timed as (
    select
        *,
        case
            when time_with_offset is null
                then {{ time_quality(
                    'zone_time', feed_zone('purchases'), has_date_only('date_time', 'zone_time')
                ) }}
            -- Times in UTC say nothing of a zone.
            when time_with_offset in (zone_time, purchased_at_utc) then 'exact'
            else 'unexpected_offset'
        end as time_quality,
        {{ number_between('quantity_text', 'integer', 1, 1000) }} as quantity_given,
        {{ number_between('price_text', 'decimal(18, 2)', 0, 100000) }} as price_usd
    from parsed
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        {{ id_text('kiosk_id') }} as kiosk_id,
        {{ id_text('product_id') }} as product_id,
        card_hash_text as card_hash,
        {{ surrogate_key(['keyed_card']) }} as customer_key,

        -- text
        case
            when {{ full_match('fc_number_text', '[0-9]+') }} then fc_number_text
        end as fc_number,
        time_quality,
        case
            when {{ id_text('kiosk_id') }} is null then 'no_kiosk_id'
            when {{ id_text('product_id') }} is null then 'no_product_id'
            when date_time is null then 'no_date_time'
            when purchased_at_utc is null then 'untyped_date_time'
            when not {{ is_plausible('purchases', 'zone_time') }}
                then 'implausible_date_time'
            when
                {{ is_damaged_id('kiosk_id') }}
                or {{ is_damaged_id('product_id') }}
                or {{ is_damaged_id('card_hash') }}
                then 'damaged_id'
            -- None sold, or given back: no purchase.
            when quantity_text is not null and quantity_given is null
                then 'implausible_quantity'
        end as set_aside_reason,

        -- numbers
        coalesce(quantity_given, 1) as n_units,
        price_usd,

        -- booleans
        (
            fc_number_text is not null
            and not {{ full_match('fc_number_text', '[0-9]+') }}
        )
        or (price_text is not null and price_usd is null) as has_untyped_values,
        quantity_text is not null or price_usd is not null as has_quantity_or_price,

        -- timestamps
        -- The clock that gave an offset of another zone is believed.
        case
            when time_quality = 'unexpected_offset' then time_with_offset
            else zone_time
        end as purchased_at,
        purchased_at_utc,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from timed
)

select * from renamed
