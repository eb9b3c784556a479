{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
) }}

with versions as {{ inlined() }} (
    select * from {{ ref('int_service_request_versions') }}
),

changes as (
    select * from {{ ref('int_presence_changes') }}
    where feed = 'service_requests'
),

-- Where boundaries change, every point may lie in another neighborhood.
boundary_changes as (
    select max(_change_seq) as _change_seq
    from {{ ref('int_presence_changes') }}
    where feed = 'neighborhoods'
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
    where feed = 'service_requests'
),

changed as (
    select
        versions.identity_key,
        versions.event_date,
        changes._change_seq
    from changes
    inner join versions
        on
            changes._row_hash = versions._row_hash
            and changes._copy = versions._copy
),

-- What follows upon a delivery that covers other dates speaks of all that it covers:
-- what it lacks has no change of its own. And what comes late may be the last to hold a
-- row that has gone.
covered as (
    select
        versions.identity_key,
        versions.event_date,
        deliveries._change_seq
    from deliveries
    inner join versions
        on
            deliveries.reaches_from_date <= versions.window_date
            and coalesce(deliveries.covers_to_date >= versions.window_date, true)
    where
        deliveries.has_other_chains
        and (deliveries.is_run_start or deliveries.next_place > 0)
),

placed_again as (
    select
        versions.identity_key,
        versions.event_date,
        boundary_changes._change_seq
    from versions
    cross join boundary_changes
    where
        versions.longitude is not null
        and boundary_changes._change_seq is not null
),

united as (
    select * from changed
    union all
    select * from covered
    union all
    select * from placed_again
)

select * from united
{% if is_incremental() -%}
    where _change_seq > {{ built_change_seq() }}
{%- endif %}
