{# A chance of e to the minus so many is none: nobody watched. #}
{% set impossible_n = 20 %}
{# Parts of an excerpt scatter more; what they cut off is not to be explained by it. #}
{% set most_dispersion = 3 %}
{# Days before and after a run of empty days that say what is usual there. #}
{% set n_days_beside = 28 %}
{# A run is long from so many days on. #}
{% set n_long_days = 7 %}
{#- So many runs within so many days either side are of an excerpt, or most days of both
    years. -#}
{% set n_excerpt_runs = 3 %}
{% set n_days_near = 45 %}
{% set n_days_year = 364 %}
{# Feeds of which it is known when each event was reported. #}
{% set reported_feeds = [] %}
{% for feed, of in var('events').items() if of.reported -%}
    {% do reported_feeds.append(feed) %}
{%- endfor %}

with dates as (
    select * from {{ ref('dim_dates') }}
),

deliveries as (
    select
        *,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where status = 'landed' and window_start_date is not null
),

counted as (
    {% for feed, of in var('events').items() -%}
        select
            '{{ feed }}' as feed,
            {{ of.within or "'main'" }} as vintage,
            {{ of.date }} as event_date,
            count(*) as n_events
        from {{ ref(of.fact) }}
        {% if of.has_states -%}
            where record_state <> 'withdrawn'
        {%- endif %}
        group by {{ of.within ~ ', ' if of.within }}{{ of.date }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Within how many days 95 % of the events have been reported.
delays as (
    {% for feed in reported_feeds -%}
        {%- set of = var('events')[feed] -%}
        select
            '{{ feed }}' as feed,
            {{ of.within or "'main'" }} as vintage,
            percentile_disc(0.95) within group (
                order by
                    {{ dbt.datediff(of.date, of.reported, 'day') }}
                    asc
            ) as n_days_late
        from {{ ref(of.fact) }}
        {% if of.has_states -%}
            where record_state <> 'withdrawn'
        {%- endif %}
        {{ 'group by ' ~ of.within if of.within }}
        {% if not loop.last %}union all{% endif %}
    {% else -%}
        select
            cast(null as varchar) as feed,
            cast(null as varchar) as vintage,
            0 as n_days_late
        where false
    {% endfor %}
),

spans as (
    select
        counted.feed,
        counted.vintage,
        min(counted.event_date) as first_date,
        max(counted.event_date) as last_date,
        coalesce(max(delays.n_days_late), 0) as n_days_late
    from counted
    left join delays
        on counted.feed = delays.feed and counted.vintage = delays.vintage
    group by counted.feed, counted.vintage
),

windows as (
    select
        spans.*,
        deliveries.window_start_date,
        deliveries.covers_to_date,
        deliveries.as_of_date
    from spans
    inner join deliveries
        on spans.feed = deliveries.feed and spans.vintage = deliveries.series
),

-- The first and the last day with an event may be incomplete. Of increments nobody says
-- what they cover: a day on which there was nothing at all is taken for one that is
-- missing.
covered as (
    select
        windows.feed,
        windows.vintage,
        dates.calendar_date as event_date
    from windows
    inner join dates
        on
            windows.window_start_date <= dates.calendar_date
            and coalesce(windows.covers_to_date >= dates.calendar_date, true)
            and windows.first_date < dates.calendar_date
            and windows.last_date > dates.calendar_date
    where
        {{ dbt.datediff('dates.calendar_date', 'windows.as_of_date', 'day') }}
        > windows.n_days_late
    group by windows.feed, windows.vintage, dates.calendar_date
    union all
    select
        counted.feed,
        counted.vintage,
        counted.event_date
    from counted
    inner join spans
        on counted.feed = spans.feed and counted.vintage = spans.vintage
    where
        counted.feed not in (select windows.feed from windows)
        and counted.event_date > spans.first_date
        and counted.event_date < spans.last_date
),

filled as (
    select
        covered.feed,
        covered.vintage,
        covered.event_date,
        coalesce(counted.n_events, 0) as n_events,
        {{ dbt.datediff("cast('2000-01-03' as date)", 'covered.event_date', 'day') }}
            as day_number
    from covered
    left join counted
        on
            covered.feed = counted.feed
            and covered.vintage = counted.vintage
            and covered.event_date = counted.event_date
),

-- Empty days in a row have the same number; an office may be closed on a weekday.
numbered as (
    select
        *,
        avg(n_events) over (partition by feed, vintage, day_number % 7) as usual_n,
        lag(n_events) over (partition by feed, vintage order by event_date)
            as n_day_before,
        count(case when n_events > 0 then 1 end) over (
            partition by feed, vintage order by event_date
            rows between unbounded preceding and current row
        ) as run_number
    from filled
),

-- By how much more than by Poisson's law one day differs from the next, gaps aside. Of
-- counts that scatter so, none at all is as likely as of fewer by Poisson's law.
dispersions as (
    select
        feed,
        vintage,
        least(
            greatest(
                sum((n_events - n_day_before) * (n_events - n_day_before))
                / cast(sum(n_events + n_day_before) as double),
                1.01
            ),
            {{ most_dispersion }}
        ) as dispersion
    from numbered
    where n_events > 0 and n_day_before > 0
    group by feed, vintage
),

compared as (
    select
        *,
        {% for side in ['before', 'after'] -%}
            coalesce(sum(n_events) over {{ side }}, 0) as n_{{ side }},
            coalesce({{ exact_sum('usual_n', over=side) }}, 0) as usual_n_{{ side }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from numbered
    window
        before as (
            partition by feed, vintage order by event_date
            rows between {{ n_days_beside }} preceding and 1 preceding
        ),
        after as (
            partition by feed, vintage order by event_date
            rows between 1 following and {{ n_days_beside }} following
        )
),

empty_runs as (
    select
        feed,
        vintage,
        run_number,
        min(event_date) as first_date,
        count(*) as n_days,
        {{ exact_sum('usual_n') }} as usual_n,
        least(
            min_by(n_before / nullif(usual_n_before, 0), event_date),
            max_by(n_after / nullif(usual_n_after, 0), event_date)
        ) as times_usual
    from compared
    where n_events = 0
    group by feed, vintage, run_number
),

-- So many are missing that no chance explains it: compared with the lower of the usual
-- numbers just before and after, or, in a long run, with the usual number of all.
impossible_runs as (
    select empty_runs.*
    from empty_runs
    left join dispersions
        on
            empty_runs.feed = dispersions.feed
            and empty_runs.vintage = dispersions.vintage
    where
        greatest(
            empty_runs.usual_n * empty_runs.times_usual
            * least(1, {{ 2 * n_days_beside }}e0 / empty_runs.n_days),
            case when empty_runs.n_days >= {{ n_long_days }} then empty_runs.usual_n end
        ) * coalesce(ln(dispersions.dispersion) / (dispersions.dispersion - 1), 1)
        >= {{ impossible_n }}
),

marked as (
    select
        numbered.*,
        numbered.n_events = 0 and impossible_runs.run_number is not null as is_missing,
        coalesce(impossible_runs.first_date = numbered.event_date, false)
            as is_run_start
    from numbered
    left join impossible_runs
        on
            numbered.feed = impossible_runs.feed
            and numbered.vintage = impossible_runs.vintage
            and numbered.run_number = impossible_runs.run_number
),

-- Where such runs stand close together, or are most of the years around, the days
-- between them are parts of an excerpt as well.
surrounded as (
    select
        *,
        count(case when is_run_start then 1 end) over (
            partition by feed, vintage order by day_number
            range between {{ n_days_near }} preceding and {{ n_days_near }} following
        ) as n_runs_near,
        avg(case when is_missing then 1e0 else 0e0 end) over (
            partition by feed, vintage order by day_number
            range between {{ n_days_year }} preceding
            and {{ n_days_year }} following
        ) as missing_share
    from marked
),

keyed as (
    select
        {{ surrogate_key(['feed', 'vintage', 'event_date']) }} as observed_day_key,
        feed,
        vintage,
        event_date
    from surrounded
    where
        not is_missing
        and n_runs_near < {{ n_excerpt_runs }}
        and missing_share <= 0.5
)

select * from keyed
