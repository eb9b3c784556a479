{% set dimensions = request_dimensions() %}
{% do dimensions.update({'request_month': ['request_month']}) %}

with requests as (
    select * from {{ ref('int_requests_labelled') }}
),

close_days as (
    select * from {{ ref('fct_request_close_days') }}
    where is_mass_close
),

quantiles as (
    select * from {{ ref('int_request_times_estimated') }}
),

requests_of_mass_closes as (
    select
        requests.*,
        requests.days_to_close is not null
        and requests.request_date < close_days.late_before_date as was_mass_closed
    from requests
    left join close_days
        on
            requests.request_type_key = close_days.request_type_key
            and requests.closed_date = close_days.closed_date
),

request_counts as (
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
    from requests_of_mass_closes
    group by {{ grouped_by_dimension(dimensions) }} -- noqa: PRS
    -- Of no requests at all there would be one row, the overall one.
    having count(*) > 0
),

closing_times as (
    select
        request_counts.dimension,
        request_counts.dimension_value,
        request_counts.agency,
        request_counts.request_type,
        request_counts.n_requests,
        request_counts.n_closed,
        request_counts.n_open,
        request_counts.n_misstamped,
        request_counts.n_undated,
        coalesce(quantiles.n_watched, 0) as n_watched,
        request_counts.n_measured_in_days,
        request_counts.n_measured_in_hours,
        {% for name in ['median', 'p90'] -%}
            cast(quantiles.{{ name }}_days as integer) as {{ name }}_days_to_close,
            cast(quantiles.{{ name }}_days_low as integer)
                as {{ name }}_days_to_close_low,
            cast(quantiles.{{ name }}_days_high as integer)
                as {{ name }}_days_to_close_high,
            cast(quantiles.{{ name }}_days_of_closed as integer)
                as {{ name }}_days_of_closed,
        {% endfor -%}
        cast(request_counts.median_hours_of_closed as double) as median_hours_of_closed,
        cast(request_counts.p90_hours_of_closed as double) as p90_hours_of_closed,
        cast(request_counts.n_open as double) / request_counts.n_requests as open_share,
        cast(request_counts.n_closed_by_date_only as double)
        / nullif(request_counts.n_closed, 0) as date_only_close_share,
        cast(request_counts.n_closed_at_once as double)
        / nullif(request_counts.n_measured_in_hours, 0) as closed_at_once_share,
        cast(request_counts.n_mass_closed as double)
        / nullif(request_counts.n_measured_in_days, 0) as mass_close_share,
        quantiles.median_days is not null as is_median_reached,
        quantiles.p90_days is not null as is_p90_reached
    from request_counts
    left join quantiles
        on
            request_counts.dimension = quantiles.dimension
            and request_counts.dimension_value = quantiles.dimension_value
)

select * from closing_times
