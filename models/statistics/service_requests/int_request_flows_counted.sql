{% set dimensions = request_dimensions() %}

with requests as (
    select * from {{ ref('int_requests_labelled') }}
),

request_versions as (
    select * from {{ ref('fct_service_request_versions') }}
    where not has_equal_identities
),

-- Successive versions in deliveries: requests that cannot be distinguished have none.
closed_once as (
    select
        identity_key,
        min(case when not is_open then valid_from_at end) as first_closed_at,
        max(case when is_open then version_number end)
        > min(case when not is_open then version_number end) as was_reopened
    from request_versions
    group by identity_key
),

requests_followed as (
    select
        requests.*,
        coalesce(closed_once.first_closed_at < requests.last_seen_at, false)
            as was_followed_after_close,
        coalesce(closed_once.was_reopened, false) as was_reopened,
        cast({{ dbt.date_trunc('month', 'requests.request_date') }} as date)
            as created_month,
        cast({{ dbt.date_trunc('month', 'requests.closed_date') }} as date)
            as closed_month
    from requests
    left join closed_once on requests.identity_key = closed_once.identity_key
),

created as (
    select
        created_month,
        {{ dimension_columns(dimensions) }},
        count(*) as n_requests,
        count(case when not is_open then 1 end) as n_closed_since,
        count(case when not is_open and close_time_quality = 'date_only' then 1 end)
            as n_closed_by_date_only,
        count(hours_to_close) as n_measured_in_hours,
        count(case when was_closed_at_once then 1 end) as n_closed_at_once,
        count(case when first_call_resolution = 'yes' then 1 end) as n_first_call,
        count(case when first_call_resolution <> 'unknown' then 1 end)
            as n_first_call_known,
        count(case when status = 'Closed - Duplicate Case' then 1 end) as n_duplicates,
        count(case when status_family = 'void' then 1 end) as n_void,
        count(case when n_equal_identities > 1 then 1 end) as n_alike,
        count(case when was_followed_after_close then 1 end) as n_followed_after_close,
        count(case when was_reopened then 1 end) as n_reopened
    from requests_followed
    group by {{ grouped_by_dimension(dimensions, ['created_month']) }} -- noqa: PRS
),

closed as (
    select
        closed_month,
        {{ dimension_columns(dimensions) }},
        count(*) as n_closes
    from requests_followed
    where days_to_close is not null
    group by {{ grouped_by_dimension(dimensions, ['closed_month']) }} -- noqa: PRS
),

flows as (
    select
        coalesce(created.created_month, closed.closed_month) as month_start_date,
        coalesce(created.dimension, closed.dimension) as dimension,
        coalesce(created.dimension_value, closed.dimension_value) as dimension_value,
        {% for count in [
            'requests', 'closed_since', 'closed_by_date_only', 'measured_in_hours',
            'closed_at_once', 'first_call', 'first_call_known', 'duplicates', 'void',
            'alike', 'followed_after_close', 'reopened'
        ] -%}
            coalesce(created.n_{{ count }}, 0) as n_{{ count }},
        {% endfor -%}
        coalesce(closed.n_closes, 0) as n_closes
    from created
    full outer join closed
        on
            created.created_month = closed.closed_month
            and created.dimension = closed.dimension
            and created.dimension_value = closed.dimension_value
)

select * from flows
