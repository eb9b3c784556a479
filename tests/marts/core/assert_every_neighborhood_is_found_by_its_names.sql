-- A returned row is a neighborhood whose own slug or name is not an alias of it.
with neighborhoods as (
    select * from {{ ref('neighborhoods') }}
),

aliases as (
    select * from {{ ref('neighborhood_aliases') }}
),

names as (
    select
        neighborhood_slug,
        neighborhood_slug as known_name
    from neighborhoods
    union all
    select
        neighborhood_slug,
        neighborhood_name as known_name
    from neighborhoods
),

matched as (
    select
        names.neighborhood_slug,
        names.known_name,
        aliases.neighborhood_slug as found_slug
    from names
    left join aliases
        on {{ label_slug('names.known_name') }} = aliases.alias
)

select *
from matched
where found_slug is null or found_slug <> neighborhood_slug
