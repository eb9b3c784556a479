with neighborhoods as (
    select * from {{ ref('stg_city__neighborhoods') }}
    where set_aside_reason is null
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'neighborhoods'
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
    where feed = 'neighborhoods'
),

aliases as (
    select * from {{ ref('neighborhood_aliases') }}
),

held_rows as (
    select
        presences._row_hash,
        presences._copy
    from presences
    inner join deliveries
        on presences._delivery_seq = deliveries.delivery_seq
    group by presences._row_hash, presences._copy
    having max_by(presences.change, deliveries.place) = '+'
),

held as (
    select
        neighborhoods.*,
        aliases.neighborhood_slug
    from neighborhoods
    inner join held_rows
        on
            neighborhoods._row_hash = held_rows._row_hash
            and neighborhoods._copy = held_rows._copy
    left join aliases
        on {{ label_slug('neighborhoods.neighborhood_label') }} = aliases.alias
)

select * from held
