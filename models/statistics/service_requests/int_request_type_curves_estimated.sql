{% set groupings = {
    'city': ['request_type_key'],
    'neighborhood': ['request_type_key', 'neighborhood_key'],
} %}

-- Shares of requests that are closed in time, not counts of days: Greenwood's variance
-- holds however many come in a week, so that the dispersion of their series has no part
-- in it. Many closes of one day are counted apart, in fct_request_close_days.
with requests as (
    select * from {{ ref('int_requests_labelled') }}
    where has_known_neighborhood and watched_days is not null
),

-- Without a neighborhood: all of the type, whose curve the others are compared with.
daily_counts as (
    select
        request_type_key,
        neighborhood_key,
        watched_days,
        count(case when not is_open then 1 end) as n_closed,
        count(case when is_open then 1 end) as n_censored
    from requests
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
)

select * from curves
