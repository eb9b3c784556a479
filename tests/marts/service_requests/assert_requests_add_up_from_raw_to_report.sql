-- A returned row is a count of requests that is not the same one station further.
with raw_rows as (
    select * from {{ ref('stg_city_311__service_requests') }}
),

fates as (
    select * from {{ ref('int_service_request_row_fates') }}
),

requests as (
    select * from {{ ref('fct_service_requests') }}
),

report as (
    select * from {{ ref('rpt_time_to_close') }}
    where dimension = 'type'
),

counts as (
    select
        (select count(*) from raw_rows) as n_raw,
        (
            select count(*) from fates
            where fate <> 'current_version'
        ) as n_without_fact,
        (select count(*) from requests) as n_requests,
        (
            select count(*) from requests
            where record_state = 'withdrawn'
        ) as n_withdrawn,
        (
            select count(days_to_close) from requests
            where record_state <> 'withdrawn'
        ) as n_measured,
        (select coalesce(sum(n_requests), 0) from report) as n_reported,
        (select coalesce(sum(n_open + n_closed), 0) from report) as n_open_or_closed,
        (
            select coalesce(sum(n_measured_in_days), 0) from report
        ) as n_reported_as_measured
)

select *
from counts
where
    n_raw <> n_without_fact + n_requests
    or n_requests <> n_withdrawn + n_reported
    or n_reported <> n_open_or_closed
    or n_measured <> n_reported_as_measured
