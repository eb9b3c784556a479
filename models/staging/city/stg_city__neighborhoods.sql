with source as (
    select * from {{ source('city', 'neighborhoods') }}
    {{ where_held_by_then() }}
),

cleaned as (
    select
        *,
        {{ id_text('nbhd_id') }} as number_label
    from source
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,

        -- text
        {{ clean_text('nbhd_name') }} as neighborhood_label,
        {{ clean_text('typology') }} as typology,
        {{ clean_text('notes') }} as notes,
        geometry,

        -- numbers
        {{ round_trip_cast('number_label', 'integer') }} as neighborhood_number,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from cleaned
)

select * from renamed
