-- How many requests were open at the end of each month, how many for over 90 days, and
-- did the city keep up? The first months lack requests from before the first delivery.
with backlog as (
    select
        *,
        date_trunc('month', calendar_date) as month_start_date
    from reports.rpt_open_requests
),

months as (
    select
        month_start_date,
        max(calendar_date) as last_date,
        sum(n_requested) as n_requested,
        sum(n_closed) as n_closed
    from backlog
    group by month_start_date
)

select
    months.last_date,
    months.n_requested,
    months.n_closed,
    backlog.n_open,
    backlog.n_open_over_90_days,
    round(100.0 * backlog.n_open_over_90_days / nullif(backlog.n_open, 0), 1)
        as over_90_days_percent
from months
inner join backlog on months.last_date = backlog.calendar_date
order by months.last_date
