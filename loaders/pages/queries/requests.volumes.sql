with breaks as (
    select date_trunc('month', break_date) as month, min(break_date) as break_date,
        count(*) as n_breaks
    from rpt_coding_breaks
    where feed = 'service_requests'
    group by month
),

changed as (
    select month_start_date, sum(n_added + n_changed + n_withdrawn) as n_changed_later
    from rpt_restatements
    where feed = 'service_requests'
    group by month_start_date
)

select
    volumes.month_start_date as month, volumes.n_requests, volumes.n_closes,
    volumes.is_partial_month as is_partial, volumes.is_suppressed, breaks.break_date,
    coalesce(breaks.n_breaks, 0) as n_breaks,
    nullif(changed.n_changed_later, 0) as n_changed_later
from rpt_request_volumes as volumes
left join breaks on volumes.month_start_date = breaks.month
left join changed on volumes.month_start_date = changed.month_start_date
where volumes.dimension = 'overall'
order by volumes.month_start_date
