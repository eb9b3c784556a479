{% set dimensions = request_dimensions() %}
{% do dimensions.update({'request_month': ['request_month']}) %}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

close_days as (
    select * from {{ ref('fct_request_close_days') }}
    where is_mass_close
),

last_delivery as (
    select max(as_of_at) as newest_as_of_at
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

watched as (
    select
        requests.agency,
        requests.request_type,
        requests.source,
        neighborhoods.neighborhood_name,
        coalesce(requests.council_district, 'Unknown') as council_district,
        coalesce(requests.police_district, 'Unknown') as police_district,
        substring(cast(requests.request_date as varchar), 1, 7) as request_month,
        requests.close_time_quality,
        requests.days_to_close,
        requests.hours_to_close,
        {{ days_watched('requests', 'last_delivery.newest_as_of_at') }}
            as watched_days,
        requests.is_open,
        requests.has_misstamped_close,
        requests.was_closed_at_once,
        coalesce(
            requests.days_to_close is not null
            and requests.request_date < close_days.late_before_date,
            false
        ) as was_mass_closed
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    cross join last_delivery
    left join close_days
        on
            requests.request_type_key = close_days.request_type_key
            and requests.closed_date = close_days.closed_date
),

daily_counts as (
    select
        {{ dimension_columns(dimensions) }},
        watched_days,
        count(case when not is_open then 1 end) as n_closed,
        count(case when is_open then 1 end) as n_censored
    from watched
    where watched_days is not null
    group by {{ grouped_by_dimension(dimensions, ['watched_days']) }} -- noqa: PRS
),

survival_steps as (
    {{ survival_steps('daily_counts', ['dimension', 'dimension_value']) }}
),

quantiles as (
    select
        dimension,
        dimension_value,
        {% for name, share in {'median': 0.5, 'p90': 0.1}.items() -%}
            {{ survival_quantile('open_share', share) }} as {{ name }}_days,
            {{ survival_quantile('open_share_low', share) }} as {{ name }}_days_low,
            {{ survival_quantile('open_share_high', share) }} as {{ name }}_days_high,
            {{ survival_quantile('open_share_of_closed', share) }}
                as {{ name }}_days_of_closed,
        {% endfor -%}
        cast(sum(n_closed + n_censored) as bigint) as n_watched
    from survival_steps
    group by dimension, dimension_value
),

counted as (
    select
        {{ dimension_columns(dimensions) }},
        agency,
        request_type,
        count(*) as n_requests,
        count(case when is_open then 1 end) as n_open,
        count(case when not is_open then 1 end) as n_closed,
        count(case when has_misstamped_close and not is_open then 1 end)
            as n_misstamped,
        count(
            case
                when
                    not (is_open or has_misstamped_close)
                    and watched_days is null
                    then 1
            end
        ) as n_undated,
        count(days_to_close) as n_measured_in_days,
        count(hours_to_close) as n_measured_in_hours,
        median(hours_to_close) as median_hours_of_closed,
        percentile_cont(0.9) within group (order by hours_to_close)
            as p90_hours_of_closed,
        count(case when close_time_quality = 'date_only' and not is_open then 1 end)
            as n_closed_by_date_only,
        count(case when was_closed_at_once then 1 end) as n_closed_at_once,
        count(case when was_mass_closed then 1 end) as n_mass_closed
    from watched
    group by {{ grouped_by_dimension(dimensions) }} -- noqa: PRS
    -- Of no requests at all there would be one row, the overall one.
    having count(*) > 0
),

joined as (
    select
        counted.dimension,
        counted.dimension_value,
        counted.agency,
        counted.request_type,
        counted.n_requests,
        counted.n_closed,
        counted.n_open,
        counted.n_misstamped,
        counted.n_undated,
        coalesce(quantiles.n_watched, 0) as n_watched,
        counted.n_measured_in_days,
        counted.n_measured_in_hours,
        {% for name in ['median', 'p90'] -%}
            cast(quantiles.{{ name }}_days as integer) as {{ name }}_days_to_close,
            cast(quantiles.{{ name }}_days_low as integer)
                as {{ name }}_days_to_close_low,
            cast(quantiles.{{ name }}_days_high as integer)
                as {{ name }}_days_to_close_high,
            cast(quantiles.{{ name }}_days_of_closed as integer)
                as {{ name }}_days_of_closed,
        {% endfor -%}
        cast(counted.median_hours_of_closed as double) as median_hours_of_closed,
        cast(counted.p90_hours_of_closed as double) as p90_hours_of_closed,
        cast(counted.n_open as double) / counted.n_requests as open_share,
        cast(counted.n_closed_by_date_only as double) / nullif(counted.n_closed, 0)
            as date_only_close_share,
        cast(counted.n_closed_at_once as double)
        / nullif(counted.n_measured_in_hours, 0) as closed_at_once_share,
        cast(counted.n_mass_closed as double) / nullif(counted.n_measured_in_days, 0)
            as mass_close_share,
        quantiles.median_days is not null as is_median_reached,
        quantiles.p90_days is not null as is_p90_reached
    from counted
    left join quantiles
        on
            counted.dimension = quantiles.dimension
            and counted.dimension_value = quantiles.dimension_value
)

select * from joined
