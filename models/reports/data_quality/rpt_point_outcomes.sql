with events as (
    select
        'accidents' as source, -- noqa: RF04
        vintage,
        computed_neighborhood_key,
        point_repair,
        longitude,
        latitude,
        mapped_longitude
    from {{ ref('fct_accidents') }}
    where record_state <> 'withdrawn'
    union all
    select
        'service_requests' as source, -- noqa: RF04
        'main' as vintage,
        computed_neighborhood_key,
        point_repair,
        longitude,
        latitude,
        mapped_longitude
    from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

judged as (
    select
        events.source,
        events.vintage,
        case
            when events.point_repair is not null then events.point_repair
            when neighborhoods.is_known then 'as_sent'
            when events.mapped_longitude is not null then 'outside'
            when events.longitude is null or events.latitude is null then 'missing'
            else 'unusable'
        end as outcome
    from events
    inner join neighborhoods
        on events.computed_neighborhood_key = neighborhoods.neighborhood_key
),

counted as (
    select
        source, -- noqa: RF04
        vintage,
        outcome,
        count(*) as n_events,
        cast(count(*) as double)
        / sum(count(*)) over (partition by source, vintage) as events_share
    from judged
    group by source, vintage, outcome
)

select * from counted
