with source as (
    select * from {{ source('landing', 'presence') }}
    {{ where_delivered_by_then('_delivery_seq') }}
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        _delivery_seq,

        -- text
        feed,
        change,

        -- audit
        _change_seq
    from source
    -- This is 0 for withdrawn deliveries.
    where _change_seq is distinct from 0
)

select * from renamed
