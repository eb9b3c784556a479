{# Of requests without a point it is not known whether they repeat another. #}
{% set least_located_share = 0.8 %}
{# So many repeats were to be expected at the city's rate, or none can be told. #}
{% set least_n_expected = 10 %}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

incidents as (
    select * from {{ ref('int_request_incidents_found') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

-- As incidents have it: the neighborhood that is stated, else that of the point.
asked as (
    select
        requests.request_type_key,
        case
            when neighborhoods.is_known then requests.neighborhood_key
            else requests.computed_neighborhood_key
        end as neighborhood_key,
        requests.has_usable_point
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
),

areas as (
    select
        neighborhood_key,
        request_type_key,
        avg(case when has_usable_point then 1.0 else 0.0 end) as located_share
    from asked
    group by neighborhood_key, request_type_key
),

counted as (
    select
        neighborhood_key,
        request_type_key,
        count(*) as n_incidents,
        cast(sum(n_repeats) as bigint) as n_repeats,
        cast(sum(n_repeats * n_repeats) as bigint) as squared_repeats,
        {{ exact_sum('watched_days', places=9) }} as watched_days,
        {{ exact_sum('watched_days * watched_days', places=9) }} as squared_days,
        {{ exact_sum('n_repeats * watched_days', places=9) }} as repeats_by_days
    from incidents
    where watched_days > 0
    group by neighborhood_key, request_type_key
),

-- By Poisson's law the squares of what incidents have more than expected add up to what
-- is expected, less what the area's own mean takes of it. They scatter more where
-- incidents of a type differ in how many notice them.
scattered as (
    select
        *,
        squared_repeats
        - 2 * n_repeats / watched_days * repeats_by_days
        + power(n_repeats / watched_days, 2) * squared_days as squared_excess,
        n_repeats * (1 - squared_days / power(watched_days, 2)) as expected_square,
        n_repeats * (n_repeats - 1) * squared_days / power(watched_days, 2)
            as squared_mean
    from counted
),

-- The variance of the rate among incidents of a type, by the square of its mean.
types as (
    select
        request_type_key,
        sum(n_repeats) / sum(watched_days) as city_repeats_per_day,
        coalesce(greatest(
            {{ exact_sum('squared_excess - expected_square', places=9) }}
            / nullif({{ exact_sum('squared_mean', places=9) }}, 0),
            0
        ), 0) as rate_variance
    from scattered
    group by request_type_key
),

dispersed as (
    select
        scattered.*,
        types.city_repeats_per_day,
        scattered.watched_days * types.city_repeats_per_day as n_expected_repeats,
        1 + types.rate_variance * (scattered.n_repeats + 0.5e0)
        * scattered.squared_days / power(scattered.watched_days, 2) as dispersion
    from scattered
    inner join types on scattered.request_type_key = types.request_type_key
),

measured as (
    select
        areas.neighborhood_key,
        areas.request_type_key,
        areas.located_share,
        coalesce(dispersed.n_incidents, 0) as n_incidents,
        coalesce(dispersed.n_repeats, 0) as n_repeats,
        coalesce(dispersed.watched_days, 0) as watched_days,
        dispersed.city_repeats_per_day,
        round(dispersed.dispersion, 9) as dispersion,
        case
            when not neighborhoods.is_known then 'area_unknown'
            when areas.located_share < {{ least_located_share }} then 'few_points'
            when dispersed.watched_days is null then 'never_open'
            when dispersed.n_expected_repeats < {{ least_n_expected }}
                then 'few_repeats'
        end as reason
    from areas
    inner join neighborhoods
        on areas.neighborhood_key = neighborhoods.neighborhood_key
    left join dispersed
        on
            areas.neighborhood_key = dispersed.neighborhood_key
            and areas.request_type_key = dispersed.request_type_key
)

select * from measured
