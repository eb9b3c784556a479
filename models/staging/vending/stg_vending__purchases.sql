{% set zone = 'America/Los_Angeles' %}

with source as (
    select * from {{ source('vending', 'purchases') }}
    {{ where_held_by_then() }}
),

parsed as (
    select
        *,
        {{ id_text('fc_number') }} as fc_number_text,
        {{ round_trip_cast('substr(date_time, 1, 19)', 'timestamp') }} as purchased_at,
        case
            when {{ full_match('date_time', '.{19}[+-][0-9]{2}') }}
                then try_cast(substr(date_time, 20) as integer)
        end as offset_hours
    from source
),

timed as (
    select
        *,
        case
            when offset_hours between -12 and 14
                then {{ dbt.dateadd('hour', '-offset_hours', 'purchased_at') }}
        end as purchased_at_utc
    from parsed
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        {{ id_text('kiosk_id') }} as kiosk_id,
        {{ id_text('product_id') }} as product_id,
        {{ clean_text('card_hash') }} as card_hash,

        -- text
        case
            when {{ full_match('fc_number_text', '[0-9]+') }} then fc_number_text
        end as fc_number,
        case
            when purchased_at_utc is null then null
            when {{ local_time('purchased_at_utc', zone) }} = purchased_at then 'exact'
            else 'unexpected_offset'
        end as time_quality,
        case
            when {{ id_text('kiosk_id') }} is null then 'no_kiosk_id'
            when {{ id_text('product_id') }} is null then 'no_product_id'
            when date_time is null then 'no_date_time'
            when purchased_at_utc is null then 'untyped_date_time'
            when
                {{ is_damaged_id('kiosk_id') }}
                or {{ is_damaged_id('product_id') }}
                or {{ is_damaged_id('card_hash') }}
                then 'damaged_id'
        end as set_aside_reason,

        -- booleans
        fc_number_text is not null
        and not {{ full_match('fc_number_text', '[0-9]+') }} as has_untyped_values,

        -- timestamps
        purchased_at,
        purchased_at_utc,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from timed
)

select * from renamed
