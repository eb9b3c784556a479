-- How many of the last days are judged, in the light of how many before.
{% set n_judged_days = var('monitor_days', 28) %}
{% set n_level_days = 56 %}
{% set n_profile_days = 182 %}
-- A series' own weekdays count like so many events of all series.
{% set n_profile_events = 20 %}

with series_days as (
    select
        *,
        {{ iso_weekday('event_date') }} as weekday_number
    from {{ ref('fct_series_days') }}
    where
        dimension in ('kiosk', 'product')
        or (dimension = 'neighborhood' and dimension_value <> 'unknown')
),

numbered_days as (
    select
        feed,
        vintage,
        event_date,
        row_number() over (
            partition by feed, vintage
            order by event_date desc
        ) as n_days_back
    from {{ ref('fct_observed_days') }}
),

recent_days as (
    select
        series_days.*,
        numbered_days.n_days_back,
        numbered_days.n_days_back > {{ n_judged_days }} as is_before,
        cast(
            floor((numbered_days.n_days_back - {{ n_judged_days }} - 1) / 28e0)
            as integer
        ) as four_weeks_back
    from series_days
    inner join numbered_days
        on
            series_days.feed = numbered_days.feed
            and series_days.vintage = numbered_days.vintage
            and series_days.event_date = numbered_days.event_date
    where numbered_days.n_days_back <= {{ n_judged_days + n_profile_days }}
),

set_weekdays as (
    select
        feed,
        vintage,
        dimension,
        weekday_number,
        avg(n_events) * count(*) over (partition by feed, vintage, dimension)
        / nullif({{ exact_sum(
            'avg(n_events)', over='(partition by feed, vintage, dimension)'
        ) }}, 0) as set_weight
    from recent_days
    where is_before
    group by feed, vintage, dimension, weekday_number
),

own_weekdays as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        weekday_number,
        sum(n_events) as n_events,
        count(*) as n_days,
        sum(sum(n_events)) over (partition by series_key)
        / sum(count(*)) over (partition by series_key) as events_per_day
    from recent_days
    where is_before
    group by series_key, feed, vintage, dimension, weekday_number
),

weekdays as (
    select
        own_weekdays.series_key,
        own_weekdays.weekday_number,
        (own_weekdays.n_events + {{ n_profile_events }} * set_weekdays.set_weight)
        / (
            own_weekdays.events_per_day * own_weekdays.n_days + {{ n_profile_events }}
        ) as weekday_weight
    from own_weekdays
    inner join set_weekdays
        on
            own_weekdays.feed = set_weekdays.feed
            and own_weekdays.vintage = set_weekdays.vintage
            and own_weekdays.dimension = set_weekdays.dimension
            and own_weekdays.weekday_number = set_weekdays.weekday_number
),

weighed_days as (
    select
        recent_days.*,
        round(weekdays.weekday_weight, 12) as weekday_weight
    from recent_days
    inner join weekdays
        on
            recent_days.series_key = weekdays.series_key
            and recent_days.weekday_number = weekdays.weekday_number
),

-- How much more the days scatter about the level of their four weeks than by Poisson's
-- law; the level takes one of the days for itself.
fitted_days as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        n_events,
        weekday_weight * sum(n_events) over four_weeks
        / nullif({{ exact_sum('weekday_weight', over='four_weeks') }}, 0) as fitted_n,
        cast(count(*) over four_weeks as double) as n_days
    from weighed_days
    where is_before
    window four_weeks as (partition by series_key, four_weeks_back)
),

scattered as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        {{ exact_sum(
            '(n_events - fitted_n) * (n_events - fitted_n) * n_days / (n_days - 1)'
            ~ ' - fitted_n'
        ) }} as excess_variance,
        {{ exact_sum('fitted_n * fitted_n') }} as square_sum
    from fitted_days
    where n_days > 1
    group by series_key, feed, vintage, dimension
),

dispersions as (
    select
        series_key,
        round(
            greatest(
                excess_variance / nullif(square_sum, 0),
                {{ exact_sum('excess_variance', over='neighbors') }}
                / nullif({{ exact_sum('square_sum', over='neighbors') }}, 0),
                0
            ), 9
        ) as dispersion
    from scattered
    window neighbors as (partition by feed, vintage, dimension)
),

levelled_days as (
    select
        *,
        sum(n_events) over days_before + 0.5 as level_events,
        sum(weekday_weight) over days_before as level_days,
        count(*) over days_before as n_level_days,
        sum(case when n_events > 0 then 1 else 0 end) over days_up_to as run_number
    from weighed_days
    window
        days_before as (
            partition by series_key
            order by event_date
            rows between {{ n_level_days }} preceding and 1 preceding
        ),
        days_up_to as (
            partition by series_key
            order by event_date
            rows between unbounded preceding and current row
        )
),

-- Days without any event in a row, expected by what was usual before the first of them.
silences as (
    select
        series_key,
        event_date,
        row_number() over run_up_to as n_silent_days,
        sum(weekday_weight) over run_up_to as silent_weight,
        first_value(level_events) over run_up_to as run_level_events,
        first_value(level_days) over run_up_to as run_level_days,
        first_value(n_level_days) over run_up_to as run_n_level_days
    from levelled_days
    where n_events = 0
    window run_up_to as (
        partition by series_key, run_number
        order by event_date
        rows between unbounded preceding and current row
    )
),

expected as (
    select
        levelled_days.series_key,
        levelled_days.feed,
        levelled_days.vintage,
        levelled_days.dimension,
        levelled_days.dimension_value,
        levelled_days.n_events,
        round(
            levelled_days.weekday_weight * levelled_days.level_events
            / levelled_days.level_days, 9
        ) as expected_n,
        round(levelled_days.level_events / levelled_days.level_days, 9)
            as expected_n_per_day,
        round(1 / (1 / levelled_days.level_events + dispersions.dispersion), 9)
            as dispersion_size,
        cast(coalesce(silences.n_silent_days, 0) as integer) as n_silent_days,
        case
            when silences.run_n_level_days = {{ n_level_days }}
                then round(
                    silences.silent_weight * silences.run_level_events
                    / silences.run_level_days, 9
                )
        end as silent_expected_n,
        case
            when silences.run_n_level_days = {{ n_level_days }}
                then round(
                    1 / (1 / silences.run_level_events + dispersions.dispersion), 9
                )
        end as silent_dispersion_size,
        levelled_days.event_date
    from levelled_days
    inner join dispersions
        on levelled_days.series_key = dispersions.series_key
    left join silences
        on
            levelled_days.series_key = silences.series_key
            and levelled_days.event_date = silences.event_date
    where
        levelled_days.n_days_back <= {{ n_judged_days }}
        and levelled_days.n_level_days = {{ n_level_days }}
        and levelled_days.weekday_weight > 0
)

select * from expected
