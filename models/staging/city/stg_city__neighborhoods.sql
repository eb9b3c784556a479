with source as (
    select * from {{ source('city', 'neighborhoods') }}
    {{ where_held_by_then() }}
),

vertices as (
    {{ geojson_vertices('source', '_row_hash', 'geometry') }}
),

measured as (
    select
        *,
        abs(longitude - lag(longitude) over ring)
        + abs(latitude - lag(latitude) over ring) as n_degrees
    from vertices
    window ring as (
        partition by _row_hash, polygon_number, ring_number
        order by vertex_number
    )
),

-- What is of the city has some dozens of kilometers of boundary; far more, or
-- elsewhere, would be cut into cells without end.
outlines as (
    select
        _row_hash,
        min(
            case when {{ is_usable_point('longitude', 'latitude') }} then 1 else 0 end
        ) = 1
        and count(*) <= 50000
        and coalesce(sum(n_degrees), 0) <= 20 as is_plausible
    from measured
    group by _row_hash
),

cleaned as (
    select
        *,
        {{ clean_text('nbhd_name') }} as neighborhood_label,
        {{ id_text('nbhd_id') }} as number_label
    from source
),

renamed as (
    select
        -- keys
        cleaned._row_hash,
        cleaned._copy,

        -- text
        cleaned.neighborhood_label,
        {{ clean_text('cleaned.typology') }} as typology,
        {{ clean_text('cleaned.notes') }} as notes,
        cleaned.geometry,
        case
            when cleaned.neighborhood_label is null then 'no_neighborhood_name'
            when outlines.is_plausible is null then 'no_boundary'
            when not outlines.is_plausible then 'implausible_boundary'
        end as set_aside_reason,

        -- numbers
        {{ round_trip_cast('cleaned.number_label', 'integer') }} as neighborhood_number,

        -- audit
        cleaned._delivery_seq,
        cleaned._change_seq,
        cleaned._line
    from cleaned
    left join outlines on cleaned._row_hash = outlines._row_hash
)

select * from renamed
