{% set areas = {'neighborhood': ['neighborhood_slug'], 'city_total': []} %}

with incidents as (
    select
        incidents.vintage,
        neighborhoods.neighborhood_slug,
        incidents.occurred_date,
        incidents.reported_at
    from {{ ref('fct_incidents') }} as incidents
    inner join {{ ref('dim_neighborhoods') }} as neighborhoods
        on incidents.neighborhood_key = neighborhoods.neighborhood_key
),

deliveries as (
    select
        *,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where feed = 'accidents' and status = 'landed' and window_start_date is not null
),

delays as (
    select * from {{ ref('int_accident_delays_estimated') }}
),

whole_days as (
    select
        vintage,
        max(event_date) as last_whole_date
    from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
    group by vintage
),

-- The last day with an accident may be cut off.
spans as (
    select
        whole_days.vintage,
        {{ dbt.dateadd('day', 1, 'whole_days.last_whole_date') }} as first_date,
        {{ dbt.dateadd('day', -1, 'max(incidents.occurred_date)') }} as last_date
    from whole_days
    inner join incidents
        on whole_days.vintage = incidents.vintage
    group by whole_days.vintage, whole_days.last_whole_date
),

days as (
    select
        vintage,
        {{ days_between('first_date', 'last_date') }} as event_date
    from spans
),

-- Days that no delivery covers are left out: their accidents are unknown.
covered_days as (
    select
        days.vintage,
        days.event_date,
        max(deliveries.as_of_date) as as_of_date,
        {{ dbt.datediff('days.event_date', 'max(deliveries.as_of_date)', 'day') }}
            as n_days_old
    from days
    inner join deliveries
        on
            days.vintage = deliveries.series
            and days.event_date >= deliveries.window_start_date
            and days.event_date < deliveries.as_of_date
            and coalesce(days.event_date <= deliveries.covers_to_date, true)
    group by days.vintage, days.event_date
),

shares as (
    select
        covered_days.vintage,
        covered_days.event_date,
        covered_days.as_of_date,
        max(delays.reported_share) as reported_share
    from covered_days
    inner join delays
        on
            covered_days.vintage = delays.vintage
            and covered_days.n_days_old > delays.n_days_to_report
    group by covered_days.vintage, covered_days.event_date, covered_days.as_of_date
),

reports as (
    select
        shares.vintage,
        shares.event_date,
        shares.reported_share,
        incidents.neighborhood_slug
    from shares
    left join incidents
        on
            shares.vintage = incidents.vintage
            and shares.event_date = incidents.occurred_date
            and shares.as_of_date > cast(incidents.reported_at as date)
),

counted as (
    select
        vintage,
        case
            when grouping(neighborhood_slug) = 1 then 'city_total'
            else neighborhood_slug
        end as neighborhood_slug,
        count(neighborhood_slug) as n_reported,
        max(reported_share) as reported_share,
        event_date
    from reports
    group by {{ grouped_by_dimension(areas, ['vintage', 'event_date']) }} -- noqa: PRS
    having grouping(neighborhood_slug) = 1 or neighborhood_slug is not null
)

select * from counted
