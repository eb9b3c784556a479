with event_days as (
    select * from {{ ref('fct_event_days') }}
    where n_events > 0
),

cadences as (
    select * from {{ ref('int_feed_cadences_measured') }}
),

reference as (
    select {{ freshness_reference('last_as_of_at') }} as reference_at
    from cadences
),

neighboring_days as (
    select
        event_days.feed,
        event_days.n_events,
        event_days.event_date,
        lag(event_days.event_date) over (
            partition by event_days.feed order by event_days.event_date
        ) as previous_event_date,
        max(event_days.event_date) over (partition by event_days.feed)
            as last_event_date,
        cast(reference.reference_at as date) as reference_date
    from event_days
    cross join reference
    where event_days.event_date <= reference.reference_at
),

silences as (
    select
        *,
        {{ dbt.datediff('event_date', 'last_event_date', 'day') }}
            as n_days_before_last,
        case
            when
                {{ dbt.datediff('previous_event_date', 'last_event_date', 'day') }}
                < 365
                then
                    {{ dbt.datediff('previous_event_date', 'event_date', 'day') }}
                    - 1
        end as n_silent_days_before,
        -- The day of the reference itself is not over.
        greatest(
            {{ dbt.datediff('last_event_date', 'reference_date', 'day') }}
            - 1,
            0
        ) as n_silent_days
    from neighboring_days
),

-- A rate of fewer than ten events is too uncertain.
rhythms as (
    select
        feed,
        case
            when sum(n_events) >= 10
                then sum(n_events) / cast(max(n_days_before_last) + 1 as double)
        end as events_per_day,
        max(n_silent_days_before) as longest_silent_days,
        max(n_silent_days) as n_silent_days,
        max(last_event_date) as last_event_date
    from silences
    where n_days_before_last < 365
    group by feed
)

select * from rhythms
