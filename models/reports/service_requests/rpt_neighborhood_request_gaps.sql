-- With fewer requests of a type, a neighborhood's curve says too little.
{% set least_n = 20 %}
{% set z = '1.959963984540054e0' %}
{% set groupings = {
    'city': ['request_type_key'],
    'neighborhood': ['request_type_key', 'neighborhood_key'],
} %}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
    where is_known
),

last_delivery as (
    select max(as_of_at) as newest_as_of_at
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

watched as (
    select
        requests.request_type_key,
        requests.neighborhood_key,
        {{ days_watched('requests', 'last_delivery.newest_as_of_at') }}
            as watched_days,
        requests.is_open
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    cross join last_delivery
),

-- Without a neighborhood: all of the type, whose curve the others are compared with.
daily_counts as (
    select
        request_type_key,
        neighborhood_key,
        watched_days,
        count(case when not is_open then 1 end) as n_closed,
        count(case when is_open then 1 end) as n_censored
    from watched
    where watched_days is not null
    group by {{ grouped_by_dimension(groupings, ['watched_days']) }} -- noqa: PRS
),

survival_steps as (
    {{ survival_steps('daily_counts', ['request_type_key', 'neighborhood_key']) }}
),

-- By when the city has closed half of the type.
horizons as (
    select
        request_type_key,
        {{ survival_quantile('open_share', 0.5) }} as horizon_days
    from survival_steps
    where neighborhood_key is null
    group by request_type_key
),

curves as (
    select
        survival_steps.request_type_key,
        survival_steps.neighborhood_key,
        cast(sum(survival_steps.n_closed + survival_steps.n_censored) as double) as n,
        max(survival_steps.watched_days) as last_days,
        min(survival_steps.open_share) as last_open_share,
        max(horizons.horizon_days) as horizon_days,
        coalesce(min(
            case
                when survival_steps.watched_days <= horizons.horizon_days
                    then survival_steps.open_share
            end
        ), 1) as open_share,
        coalesce(max(
            case
                when survival_steps.watched_days <= horizons.horizon_days
                    then survival_steps.greenwood_sum
            end
        ), 0) as greenwood_sum
    from survival_steps
    inner join horizons
        on survival_steps.request_type_key = horizons.request_type_key
    where horizons.horizon_days is not null
    group by survival_steps.request_type_key, survival_steps.neighborhood_key
),

-- Greenwood's variance; where all or none closed in time it would be nothing, so there
-- that of as many requests drawn from the city.
compared as (
    select
        cells.neighborhood_key,
        cells.n,
        city.n as weight,
        1 - cells.open_share as closed_share,
        1 - city.open_share as city_closed_share,
        case
            when cells.open_share > 0 and cells.open_share < 1
                then cells.open_share * cells.open_share * cells.greenwood_sum
            else city.open_share * (1 - city.open_share) / cells.n
        end as variance
    from curves as cells
    inner join curves as city
        on
            cells.request_type_key = city.request_type_key
            and city.neighborhood_key is null
    where
        cells.neighborhood_key is not null
        and cells.n >= {{ least_n }}
        and (cells.last_days >= cells.horizon_days or cells.last_open_share = 0)
),

city_mix as (
    select sum(n) as n from curves
    where neighborhood_key is null
),

standardised as (
    select
        neighborhood_key,
        count(*) as n_types,
        cast(sum(n) as bigint) as n_requests,
        sum(weight) as weight,
        {{ exact_sum('n * closed_share') }} / sum(n) as crude_closed_share,
        {{ exact_sum('weight * closed_share') }} / sum(weight) as closed_share,
        {{ exact_sum('weight * city_closed_share') }} / sum(weight)
            as city_closed_share,
        sqrt({{ exact_sum('weight * weight * variance') }}) / sum(weight)
            as standard_error
    from compared
    group by neighborhood_key
),

named as (
    select
        standardised.neighborhood_key,
        neighborhoods.neighborhood_slug,
        neighborhoods.neighborhood_name,
        standardised.n_requests,
        standardised.n_types,
        standardised.weight / city_mix.n as mix_covered_share,
        standardised.crude_closed_share as crude_closed_in_time_share,
        standardised.closed_share as closed_in_time_share,
        greatest(standardised.closed_share - {{ z }} * standardised.standard_error, 0)
            as closed_in_time_share_low,
        least(standardised.closed_share + {{ z }} * standardised.standard_error, 1)
            as closed_in_time_share_high,
        standardised.city_closed_share as city_closed_in_time_share,
        standardised.closed_share - standardised.city_closed_share as gap_to_city,
        standardised.closed_share - standardised.city_closed_share
        - {{ z }} * standardised.standard_error as gap_to_city_low,
        standardised.closed_share - standardised.city_closed_share
        + {{ z }} * standardised.standard_error as gap_to_city_high,
        (standardised.closed_share - standardised.city_closed_share)
        / nullif(standardised.standard_error, 0) as gap_z_score
    from standardised
    inner join neighborhoods
        on standardised.neighborhood_key = neighborhoods.neighborhood_key
    cross join city_mix
)

select * from named
