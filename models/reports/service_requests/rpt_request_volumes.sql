{% set dimensions = request_dimensions() %}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

request_versions as (
    select * from {{ ref('fct_service_request_versions') }}
    where not has_equal_identities
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

deliveries as (
    select
        window_start_date,
        covers_to_date,
        as_of_at,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

last_delivery as (
    select max(as_of_at) as newest_as_of_at
    from deliveries
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

labelled as (
    select
        requests.agency,
        requests.request_type,
        requests.source,
        neighborhoods.neighborhood_name,
        coalesce(requests.council_district, 'Unknown') as council_district,
        coalesce(requests.police_district, 'Unknown') as police_district,
        requests.status,
        requests.status_family,
        requests.first_call_resolution,
        requests.close_time_quality,
        requests.days_to_close,
        requests.hours_to_close,
        requests.n_equal_identities,
        requests.is_open,
        requests.was_closed_at_once,
        coalesce(
            closed_once.first_closed_at
            < coalesce(requests.last_held_at, last_delivery.newest_as_of_at),
            false
        ) as was_followed_after_close,
        coalesce(closed_once.was_reopened, false) as was_reopened,
        cast({{ dbt.date_trunc('month', 'requests.request_date') }} as date)
            as request_month,
        cast({{ dbt.date_trunc('month', 'requests.closed_date') }} as date)
            as closed_month
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    left join closed_once on requests.identity_key = closed_once.identity_key
    cross join last_delivery
),

created as (
    select
        request_month,
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
    from labelled
    group by {{ grouped_by_dimension(dimensions, ['request_month']) }} -- noqa: PRS
),

closed as (
    select
        closed_month,
        {{ dimension_columns(dimensions) }},
        count(*) as n_closes
    from labelled
    where days_to_close is not null
    group by {{ grouped_by_dimension(dimensions, ['closed_month']) }} -- noqa: PRS
),

-- A day is covered if the window of a landed delivery reaches over it.
months as (
    select
        dates.month_start_date,
        count(distinct dates.calendar_date) as n_days,
        count(
            distinct
            case when deliveries.as_of_date is not null then dates.calendar_date end
        ) as n_days_covered
    from dates
    left join deliveries
        on
            dates.calendar_date >= deliveries.window_start_date
            and coalesce(dates.calendar_date <= deliveries.covers_to_date, true)
            and dates.calendar_date <= deliveries.as_of_date
    group by dates.month_start_date
),

flows as (
    select
        coalesce(created.request_month, closed.closed_month) as month_start_date,
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
            created.request_month = closed.closed_month
            and created.dimension = closed.dimension
            and created.dimension_value = closed.dimension_value
),

shared as (
    select
        flows.month_start_date,
        flows.dimension,
        flows.dimension_value,
        flows.n_requests,
        flows.n_closes,
        flows.n_first_call_known,
        flows.n_followed_after_close,
        cast(flows.n_closes as double) / nullif(flows.n_requests, 0)
            as closes_per_request,
        cast(flows.n_requests as double) / nullif(sum(flows.n_requests) over (
            partition by flows.month_start_date, flows.dimension
        ), 0) as share_of_month,
        cast(flows.n_first_call as double) / nullif(flows.n_first_call_known, 0)
            as first_call_share,
        cast(flows.n_closed_at_once as double) / nullif(flows.n_measured_in_hours, 0)
            as closed_at_once_share,
        cast(flows.n_closed_by_date_only as double) / nullif(flows.n_closed_since, 0)
            as date_only_close_share,
        cast(flows.n_reopened as double) / nullif(flows.n_followed_after_close, 0)
            as reopened_share,
        cast(flows.n_duplicates as double) / nullif(flows.n_requests, 0)
            as duplicate_share,
        cast(flows.n_void as double) / nullif(flows.n_requests, 0) as void_share,
        cast(flows.n_alike as double) / nullif(flows.n_requests, 0)
            as equal_identity_share,
        months.n_days_covered,
        months.n_days_covered < months.n_days as is_partial_month
    from flows
    inner join months
        on flows.month_start_date = months.month_start_date
)

select * from shared
order by month_start_date, dimension, dimension_value
