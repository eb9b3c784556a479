with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

counted as (
    select
        agency,
        request_type,
        count(*) as n_requests,
        count(case when is_open then 1 end) as n_open,
        count(case when not is_open then 1 end) as n_closed,
        count(days_to_close) as n_measured_in_days,
        count(hours_to_close) as n_measured_in_hours,
        count(case when was_closed_at_once then 1 end) as n_closed_at_once,
        count(
            case when not is_open and close_time_quality = 'date_only' then 1 end
        ) as n_closed_by_date_only,
        median(days_to_close) as median_days_to_close,
        percentile_cont(0.9) within group (order by days_to_close) as p90_days_to_close,
        median(hours_to_close) as median_hours_to_close,
        percentile_cont(0.9) within group (order by hours_to_close)
            as p90_hours_to_close
    from requests
    group by agency, request_type
),

shared as (
    select
        {{ surrogate_key(['agency', 'request_type']) }} as request_type_key,
        agency,
        request_type,
        n_requests,
        n_open,
        n_closed,
        n_measured_in_days,
        n_measured_in_hours,
        cast(median_days_to_close as double) as median_days_to_close,
        cast(p90_days_to_close as double) as p90_days_to_close,
        cast(median_hours_to_close as double) as median_hours_to_close,
        cast(p90_hours_to_close as double) as p90_hours_to_close,
        cast(n_open as double) / n_requests as open_share,
        cast(n_closed_by_date_only as double) / nullif(n_closed, 0)
            as date_only_close_share,
        cast(n_closed_at_once as double) / nullif(n_measured_in_hours, 0)
            as closed_at_once_share
    from counted
)

select * from shared
