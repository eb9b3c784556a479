with source as (
    select * from {{ source('landing', 'rows_by_delivery') }}
    {{ where_delivered_by_then('delivery_seq') }}
),

renamed as (
    select
        -- keys
        delivery_seq,

        -- text
        feed,

        -- numbers
        n_rows
    from source
)

select * from renamed
