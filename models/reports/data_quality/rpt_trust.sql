with feeds as (
    select * from {{ ref('dim_feeds') }}
),

landed as (
    select * from {{ ref('int_delivery_gaps_measured') }}
),

event_days as (
    select * from {{ ref('fct_event_days') }}
    where n_events > 0
),

bounds as (
    select
        {% if as_of_end() is not none -%}
            {{ as_of_end() }}
        {%- else -%}
            (select max(landed.as_of_at) from landed)
        {%- endif %} as reference_at
),

arrivals as (
    select
        *,
        row_number() over (
            partition by feed, days_since_previous is null
            order by as_of_at desc, _delivery_seq desc
        ) as newness
    from landed
),

-- What is usual, by the last gaps; those of years ago may have been others.
cadences as (
    select
        feed,
        count(case when newness <= 20 then days_since_previous end) as n_gaps,
        median(case when newness <= 20 then days_since_previous end)
            as median_days_between,
        max(case when newness <= 20 then days_since_previous end)
            as longest_days_between,
        max(as_of_at) as last_as_of_at
    from arrivals
    group by feed
),

spaced as (
    select
        event_days.feed,
        event_days.n_events,
        event_days.event_date,
        lag(event_days.event_date) over (
            partition by event_days.feed order by event_days.event_date
        ) as previous_event_date,
        max(event_days.event_date) over (partition by event_days.feed)
            as last_event_date,
        cast(bounds.reference_at as date) as reference_date
    from event_days
    cross join bounds
    where event_days.event_date <= bounds.reference_at
),

measured as (
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
    from spaced
),

-- A rate of fewer than ten events says little.
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
    from measured
    where n_days_before_last < 365
    group by feed
),

joined as (
    select
        feeds.*,
        coalesce(cadences.n_gaps, 0) as n_gaps,
        cadences.median_days_between,
        cadences.longest_days_between,
        {{ dbt.datediff('cadences.last_as_of_at', 'bounds.reference_at', 'second') }}
        / cast(86400 as double) as days_since_last_as_of,
        rhythms.events_per_day,
        rhythms.n_silent_days,
        rhythms.longest_silent_days,
        exp(-rhythms.events_per_day * rhythms.n_silent_days) as silence_probability,
        case
            when rhythms.events_per_day is not null
                then
                    greatest(
                        floor(ln(1000) / rhythms.events_per_day),
                        coalesce(rhythms.longest_silent_days, 0)
                    )
        end as bearable_silent_days,
        rhythms.last_event_date,
        cadences.last_as_of_at,
        bounds.reference_at
    from feeds
    cross join bounds
    left join cadences on feeds.feed = cadences.feed
    left join rhythms on feeds.feed = rhythms.feed
),

judged as (
    select
        *,
        case
            when last_as_of_at is null then 'nothing_landed'
            when
                n_gaps >= 3
                and days_since_last_as_of > 2 * median_days_between
                and days_since_last_as_of > longest_days_between
                then 'late'
            when n_silent_days > bearable_silent_days then 'silent'
            when n_gaps < 3 and events_per_day is null then 'unknown'
            else 'fresh'
        end as freshness
    from joined
),

shared as (
    select
        feed_key,
        feed,
        delivery_mode,
        freshness,
        n_landed as n_landed_deliveries,
        cast(n_gaps as integer) as n_delivery_gaps,
        median_days_between,
        longest_days_between,
        days_since_last_as_of,
        events_per_day,
        cast(n_silent_days as integer) as n_silent_days,
        cast(longest_silent_days as integer) as longest_silent_days,
        cast(bearable_silent_days as integer) as bearable_silent_days,
        silence_probability,
        n_records,
        n_facts,
        {% for share, part, whole in [
            ('rejected', 'n_open_rejects', 'n_records'),
            ('set_aside', 'n_set_aside', 'n_raw_rows'),
            ('uncertain_time', 'n_uncertain_times', 'n_facts')
        ] -%}
            cast({{ part }} as double) / nullif({{ whole }}, 0) as {{ share }}_share,
        {% endfor -%}
        {% for share in ['without_point', 'without_neighborhood'] -%}
            case
                when has_places
                    then cast(n_{{ share }} as double) / nullif(n_facts, 0)
            end as {{ share }}_share,
        {% endfor -%}
        case
            when delivery_mode = 'window'
                then cast(n_withdrawn as double) / nullif(n_facts, 0)
        end as withdrawn_share,
        n_open_held,
        n_failed_since,
        last_event_date,
        last_as_of_at,
        reference_at
    from judged
)

select * from shared
