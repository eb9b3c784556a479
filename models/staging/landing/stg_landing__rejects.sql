with source as (
    select * from {{ source('landing', 'rejects') }}
    {{ where_delivered_by_then('delivery_seq') }}
),

renamed as (
    select
        -- keys
        delivery_seq,

        -- text
        feed,
        reason,
        detail,
        {{ printable('raw_bytes') }} as raw_text,

        -- numbers
        byte_offset,

        -- audit
        line as _line
    from source
)

select * from renamed
