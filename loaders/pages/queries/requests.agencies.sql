-- The last month in which requests came: one and the same for all agencies.
with last as (
    select max(month_start_date) as last_month
    from rpt_request_volumes
    where dimension = 'overall' and not is_partial_month and n_requests > 0
)

select
    volumes.dimension_value as agency,
    last.last_month,
    coalesce(bool_or(volumes.is_suppressed) filter (is_last), false) as is_suppressed,
    case
        when not coalesce(bool_or(volumes.is_suppressed) filter (is_last), false)
            then coalesce(any_value(volumes.n_requests) filter (is_last), 0)
    end as n_last_month,
    any_value(volumes.first_call_share) filter (is_last) as first_call_share,
    list(volumes.n_requests order by volumes.month_start_date) as n_requests_by_month
from (
    select *, month_start_date = (select last_month from last) as is_last
    from rpt_request_volumes
) as volumes
cross join last
where
    volumes.dimension = 'agency'
    and not volumes.is_partial_month
    and volumes.month_start_date <= last.last_month
group by volumes.dimension_value, last.last_month
order by n_last_month desc nulls last, agency
