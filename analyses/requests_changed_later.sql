-- How often does a later delivery change a request? Requests that cannot be
-- distinguished are left out; two changes between two deliveries are seen as one, and a
-- request that aged out of the window may change unseen.
with versions as (
    select
        *,
        lag(is_open) over (partition by identity_key order by version_number)
            as was_open_before
    from marts.fct_service_request_versions
    where not has_equal_identities
),

requests as (
    select
        identity_key,
        max(agency) as agency,
        max(version_number) as n_versions,
        max(case when ended_as = 'withdrawn' then 1 else 0 end) as was_withdrawn,
        max(case when is_open and not was_open_before then 1 else 0 end) as was_reopened
    from versions
    group by identity_key
)

select
    agency,
    count(*) as n_requests,
    sum(case when n_versions > 1 then 1 else 0 end) as n_changed,
    sum(was_reopened) as n_reopened,
    sum(was_withdrawn) as n_withdrawn,
    round(100.0 * sum(case when n_versions > 1 then 1 else 0 end) / count(*), 1)
        as changed_percent
from requests
group by agency
order by n_changed desc, n_requests desc, agency asc
limit 20
