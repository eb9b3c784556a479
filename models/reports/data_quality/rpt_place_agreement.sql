with events as (
    select
        'accidents' as source, -- noqa: RF04
        vintage,
        neighborhood_key,
        computed_neighborhood_key,
        mapped_longitude
    from {{ ref('fct_accidents') }}
    where record_state <> 'withdrawn'
    union all
    select
        'service_requests' as source, -- noqa: RF04
        'main' as vintage,
        neighborhood_key,
        computed_neighborhood_key,
        mapped_longitude
    from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

counted as (
    select
        events.source,
        events.vintage,
        stated.neighborhood_key,
        stated.neighborhood_slug,
        stated.neighborhood_name,
        count(*) as n_stated,
        count(events.mapped_longitude) as n_mapped,
        count(case when computed.is_known then 1 end) as n_compared,
        count(
            case when stated.neighborhood_key = computed.neighborhood_key then 1 end
        ) as n_agreeing
    from events
    inner join neighborhoods as stated
        on events.neighborhood_key = stated.neighborhood_key
    inner join neighborhoods as computed
        on events.computed_neighborhood_key = computed.neighborhood_key
    where stated.is_known
    group by
        events.source,
        events.vintage,
        stated.neighborhood_key,
        stated.neighborhood_slug,
        stated.neighborhood_name
),

measured as (
    select
        source, -- noqa: RF04
        vintage,
        neighborhood_key,
        neighborhood_slug,
        neighborhood_name,
        n_stated,
        n_mapped,
        n_compared,
        n_agreeing,
        cast(n_agreeing as double) / nullif(n_compared, 0) as agreement_share,
        {{ wilson_bound('n_agreeing', 'n_compared', 'low') }} as agreement_share_low,
        {{ wilson_bound('n_agreeing', 'n_compared', 'high') }} as agreement_share_high
    from counted
)

select * from measured
