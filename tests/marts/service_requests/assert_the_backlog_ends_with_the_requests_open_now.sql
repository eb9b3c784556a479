-- A returned row means that the backlog of the last day, which follows versions,
-- differs from the open requests of the fact.
with requests as (
    select * from {{ ref('fct_service_requests') }}
),

open_requests as (
    select * from {{ ref('rpt_open_requests') }}
),

last_day as (
    select *
    from open_requests
    where calendar_date = (
        select max(open_days.calendar_date) from open_requests as open_days
    )
),

counted as (
    select
        max(last_day.n_open) as n_open,
        max(last_day.n_open_when_last_seen) as n_open_when_last_seen,
        count(
            case
                when
                    requests.record_state = 'current'
                    and (
                        requests.is_open
                        or requests.closed_date > last_day.calendar_date
                    )
                    then 1
            end
        ) as n_current,
        count(
            case when requests.record_state = 'aged_out' and requests.is_open then 1 end
        ) as n_aged_out
    from requests
    cross join last_day
)

select * from counted
where n_open <> n_current or n_open_when_last_seen <> n_aged_out
