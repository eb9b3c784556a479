{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'request_date', 'touched_in': 'int_service_requests_touched'},
) }}

with versions as (
    select * from {{ ref('fct_service_request_versions') }}
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_service_requests_touched'), 'identity_key', 'request_date'
        ) }}
    {%- endif %}
),

-- Rows that cannot be distinguished follow no other row: each is a history of its own,
-- and those that were replaced by others are left out.
told_apart as (
    select
        *,
        case
            when has_equal_identities then version_number else 0
        end as history_number
    from versions
    where not has_equal_identities or valid_to_at is null or ended_as is not null
),

compared as (
    select
        *,
        lag(is_open) over (
            partition by identity_key, history_number
            order by version_number
        ) as was_open
    from told_apart
),

numbered as (
    select
        *,
        sum(case when is_open = was_open then 0 else 1 end) over (
            partition by identity_key, history_number
            order by version_number
        ) as run_number
    from compared
),

-- Versions in a row that agree on whether it is open. What was said last stands.
runs as (
    select
        identity_key,
        history_number,
        run_number,
        is_open,
        request_date,
        cast(min(valid_from_at) as date) as valid_from_date,
        max_by(
            coalesce(closed_date, cast(valid_from_at as date)), version_number
        ) as closed_date,
        max_by(coalesce(ended_as, 'none'), version_number) as ended_as,
        cast(max_by(
            coalesce(valid_to_at, cast('9999-12-31' as timestamp)), version_number
        ) as date) as valid_to_date
    from numbered
    group by identity_key, history_number, run_number, is_open, request_date
),

followed as (
    select
        *,
        lead(closed_date) over (
            partition by identity_key, history_number
            order by run_number
        ) as next_closed_date,
        max_by(ended_as, run_number) over (
            partition by identity_key, history_number
        ) as last_ended_as
    from runs
),

-- From the request, or from the delivery that says it is open again, to the close. What
-- was closed when it was first delivered had been open before.
opened as (
    select
        *,
        case when run_number = 1 then request_date else valid_from_date end
            as open_date,
        case when is_open then next_closed_date else closed_date end as said_close_date
    from followed
    where last_ended_as <> 'withdrawn' and (is_open or run_number = 1)
),

closed as (
    select
        *,
        case
            when said_close_date is not null then greatest(open_date, said_close_date)
        end as close_date
    from opened
),

spells as (
    select
        {{ surrogate_key(['identity_key', 'history_number', 'run_number']) }}
            as open_spell_key,
        identity_key,
        run_number > 1 as is_reopened,
        request_date,
        open_date,
        close_date,
        case
            when close_date is null and ended_as = 'aged_out'
                then greatest(open_date, valid_to_date)
        end as lost_date
    from closed
)

select * from spells
order by request_date
