with source as (
    select * from {{ source('vending', 'kiosk_info') }}
    {{ where_held_by_then() }}
),

sent as (
    select
        {% for column in [
            'kiosk_id', 'place', 'kind_of_site', 'opened_on', 'capacity',
        ] %}
            {{ clean_text('"' ~ column ~ '"') }} as sent_{{ column }},
        {% endfor %}
        {{ feed_identity('kiosk_info') }} as event_identity,
        _row_hash,
        _copy,
        _delivery_seq,
        _change_seq,
        _line
    from source
),

typed as (
    select
        *,
        {{ id_text('sent_kiosk_id') }} as kiosk_id,
        {{ feed_time('kiosk_info', 'sent_opened_on') }} as opened_at_as_read,
        {{ number_between('sent_capacity', 'bigint', 1, 100000) }} as capacity
    from sent
),

dated as (
    select
        *,
        case
            when {{ is_plausible('kiosk_info', 'opened_at_as_read') }}
                then cast(opened_at_as_read as date)
        end as opened_on
    from typed
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        event_identity,
        kiosk_id,

        -- text
        sent_place as place,
        sent_kind_of_site as kind_of_site,
        case
            when kiosk_id is null
                then 'no_kiosk_id'
            when {{ is_damaged_id('sent_kiosk_id') }} then 'damaged_id'
        end as set_aside_reason,

        -- numbers
        capacity,

        -- booleans
        (sent_opened_on is not null and opened_on is null)
        or (sent_capacity is not null and capacity is null) as has_untyped_values,

        -- dates
        opened_on,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from dated
)

select * from renamed
