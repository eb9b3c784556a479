with versions as (
    select * from {{ ref('int_service_request_versions') }}
),

changes as (
    select * from {{ ref('int_presence_changes') }}
    where feed = 'service_requests'
),

touched as (
    select
        versions.identity_key,
        versions.event_date,
        changes._change_seq
    from changes
    inner join versions
        on
            changes._row_hash = versions._row_hash
            and changes._copy = versions._copy
)

select * from touched
