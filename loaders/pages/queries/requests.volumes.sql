with breaks as (
    select date_trunc('month', break_date) as month, min(break_date) as break_date,
        count(*) as n_breaks
    from rpt_coding_breaks
    where feed = 'service_requests'
    group by month
),

-- A request that is closed later moves no count.
moved as (
    select month_start_date, sum(n_added + n_withdrawn + n_reinstated) as n_moved
    from rpt_restatements
    where feed = 'service_requests'
    group by month_start_date
)

select
    volumes.month_start_date as month, volumes.n_requests, volumes.n_closes,
    volumes.is_partial_month as is_partial, volumes.is_suppressed, breaks.break_date,
    coalesce(breaks.n_breaks, 0) as n_breaks,
    nullif(moved.n_moved, 0) as n_moved_later,
    nullif(moved.n_moved, 0) / nullif(volumes.n_requests, 0) as moved_share
from rpt_request_volumes as volumes
left join breaks on volumes.month_start_date = breaks.month
left join moved on volumes.month_start_date = moved.month_start_date
where volumes.dimension = 'overall'
order by volumes.month_start_date
