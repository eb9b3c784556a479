-- Of each group the requests and closes of all months: null if hidden, else 0 if there
-- are none. As exported, one dimension at a time.
with months as (
    select
        month_start_date,
        bool_or(is_partial_month) as is_partial
    from rpt_request_volumes
    group by month_start_date
),

named as (
    select distinct dimension, dimension_value from rpt_request_volumes
)

select
    named.dimension,
    named.dimension_value,
    list(cast(months.month_start_date as varchar) order by months.month_start_date)
        as months,
    list(months.is_partial order by months.month_start_date) as partial_months,
    list(
        case when volumes.dimension is null then 0 else volumes.n_requests end
        order by months.month_start_date
    ) as requests,
    list(
        case when volumes.dimension is null then 0 else volumes.n_closes end
        order by months.month_start_date
    ) as closes
from named
cross join months
left join rpt_request_volumes as volumes
    on
        named.dimension = volumes.dimension
        and named.dimension_value = volumes.dimension_value
        and months.month_start_date = volumes.month_start_date
group by named.dimension, named.dimension_value
order by named.dimension, sum(volumes.n_requests) desc nulls last, named.dimension_value
