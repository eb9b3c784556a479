with flows as (
    select * from {{ ref('int_request_flows_counted') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

deliveries as (
    select
        window_start_date,
        covers_to_date,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

-- A day is covered if the window of a landed delivery reaches over it.
months as (
    select
        dates.month_start_date,
        count(distinct dates.calendar_date) as n_days,
        count(
            distinct
            case when deliveries.as_of_date is not null then dates.calendar_date end
        ) as n_days_covered
    from dates
    left join deliveries
        on
            dates.calendar_date >= deliveries.window_start_date
            and coalesce(dates.calendar_date <= deliveries.covers_to_date, true)
            and dates.calendar_date <= deliveries.as_of_date
    group by dates.month_start_date
),

volumes as (
    select
        flows.month_start_date,
        flows.dimension,
        flows.dimension_value,
        flows.n_requests,
        flows.n_closes,
        flows.n_first_call_known,
        flows.n_followed_after_close,
        cast(flows.n_closes as double) / nullif(flows.n_requests, 0)
            as closes_per_request,
        cast(flows.n_requests as double) / nullif(sum(flows.n_requests) over (
            partition by flows.month_start_date, flows.dimension
        ), 0) as share_of_month,
        cast(flows.n_first_call as double) / nullif(flows.n_first_call_known, 0)
            as first_call_share,
        cast(flows.n_closed_at_once as double) / nullif(flows.n_measured_in_hours, 0)
            as closed_at_once_share,
        cast(flows.n_closed_by_date_only as double) / nullif(flows.n_closed_since, 0)
            as date_only_close_share,
        cast(flows.n_reopened as double) / nullif(flows.n_followed_after_close, 0)
            as reopened_share,
        cast(flows.n_duplicates as double) / nullif(flows.n_requests, 0)
            as duplicate_share,
        cast(flows.n_void as double) / nullif(flows.n_requests, 0) as void_share,
        cast(flows.n_alike as double) / nullif(flows.n_requests, 0)
            as equal_identity_share,
        months.n_days_covered,
        months.n_days_covered < months.n_days as is_partial_month
    from flows
    inner join months
        on flows.month_start_date = months.month_start_date
)

select * from volumes
order by month_start_date, dimension, dimension_value
