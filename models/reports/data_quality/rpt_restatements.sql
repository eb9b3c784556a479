with request_versions as (
    select * from {{ ref('fct_service_request_versions') }}
),

accident_versions as (
    select * from {{ ref('fct_accident_versions') }}
),

landed as (
    select * from {{ ref('fct_deliveries') }}
    where status = 'landed'
),

versions as (
    select
        'service_requests' as feed,
        'main' as series,
        request_date as event_date,
        arrived_as,
        ended_as,
        has_equal_identities,
        valid_from_at,
        valid_to_at
    from request_versions
    union all
    select
        'accidents' as feed,
        vintage as series,
        occurred_date as event_date,
        arrived_as,
        ended_as,
        has_equal_identities,
        valid_from_at,
        valid_to_at
    from accident_versions
),

ends as (
    select
        feed,
        series,
        event_date,
        valid_from_at as as_of_at,
        1 as n_rows,
        case when not has_equal_identities then arrived_as end as how,
        has_equal_identities
    from versions
    union all
    select
        feed,
        series,
        event_date,
        valid_to_at as as_of_at,
        -1 as n_rows,
        case when not has_equal_identities then ended_as end as how,
        has_equal_identities
    from versions
    where valid_to_at is not null
),

counted as (
    select
        feed,
        series,
        cast({{ dbt.date_trunc('month', 'event_date') }} as date) as month_start_date,
        as_of_at,
        sum(n_rows) as n_net,
        count(case when how = 'first' then 1 end) as n_added,
        count(case when how = 'changed' and n_rows = 1 then 1 end) as n_changed,
        count(case when how = 'withdrawn' then 1 end) as n_withdrawn,
        count(case when how in ('reinstated', 'returned') then 1 end)
            as n_reinstated,
        count(case when how = 'aged_out' then 1 end) as n_aged_out,
        count(case when has_equal_identities then 1 end) as n_not_told_apart
    from ends
    group by
        feed,
        series,
        cast({{ dbt.date_trunc('month', 'event_date') }} as date),
        as_of_at
),

summed as (
    select
        *,
        sum(n_net) over (
            partition by feed, series, month_start_date
            order by as_of_at
            rows between unbounded preceding and current row
        ) as n_after
    from counted
),

deliveries as (
    select
        feed,
        series,
        as_of_at,
        lag(as_of_at) over (
            partition by feed, series order by as_of_at
        ) as previous_as_of_at
    from landed
    group by feed, series, as_of_at
),

-- The values of a delivery in months that the delivery before it had covered to their
-- end: other months are not restated but simply continue.
restated as (
    select
        summed.*,
        deliveries.previous_as_of_at
    from summed
    inner join deliveries
        on
            summed.feed = deliveries.feed
            and summed.series = deliveries.series
            and summed.as_of_at = deliveries.as_of_at
    where
        deliveries.previous_as_of_at
        >= {{ dbt.dateadd('month', 1, 'summed.month_start_date') }}
        and summed.n_added + summed.n_changed + summed.n_withdrawn
        + summed.n_reinstated + summed.n_aged_out + summed.n_not_told_apart > 0
),

shared as (
    select
        {{ surrogate_key(['feed', 'series', 'month_start_date', 'as_of_at']) }}
            as restatement_key,
        feed,
        series,
        cast(n_after - n_net as bigint) as n_before,
        n_added,
        n_changed,
        n_withdrawn,
        n_reinstated,
        n_aged_out,
        n_not_told_apart,
        cast(n_after as bigint) as n_after,
        cast(n_added + n_changed + n_withdrawn + n_reinstated as double)
        / nullif(n_after - n_net, 0) as restated_per_row_before,
        month_start_date,
        previous_as_of_at,
        as_of_at
    from restated
)

select * from shared
