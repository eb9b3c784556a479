{# Six weekdays, eleven months, a level, and a dozen holidays, each drawn by a third to
   the usual one. #}
{% set n_city_factors = 26 %}

with series_days as (
    select * from {{ ref('fct_series_days') }}
    where feed = 'accidents' and dimension in ('neighborhood', 'overall')
),

levels as (
    select * from {{ ref('int_accident_levels_estimated') }}
),

learnt as (
    select
        vintage,
        origin_date,
        cast(count(*) as double) as n_learnt_days
    from {{ ref('int_accident_seasons_estimated') }}
    where horizon_days <= 0
    group by vintage, origin_date
),

-- The last year before a forecast tells how widely days scatter.
days as (
    select
        levels.*,
        seasons.horizon_days,
        round(levels.weekday_level * seasons.season_weight, 9) as expected_n,
        series_days.n_events,
        seasons.event_date
    from {{ ref('int_accident_seasons_estimated') }} as seasons
    inner join levels
        on
            seasons.vintage = levels.vintage
            and seasons.origin_date = levels.origin_date
            and seasons.weekday_number = levels.weekday_number
    left join series_days
        on
            levels.series_key = series_days.series_key
            and seasons.event_date = series_days.event_date
    where seasons.horizon_days > -364
),

-- The mean absolute deviation of a Poisson law.
deviations as (
    select
        vintage,
        area_kind,
        origin_date,
        expected_n,
        abs(n_events - expected_n) as deviation,
        2 * exp(
            (floor(expected_n) + 1) * ln(expected_n) - expected_n
            - {{ log_gamma('floor(expected_n) + 1') }}
        ) as chance_deviation
    from days
    where horizon_days <= 0 and n_events is not null
),

scatters as (
    select
        vintage,
        area_kind,
        origin_date,
        {{ exact_sum('deviation') }} / {{ exact_sum('chance_deviation') }} as ratio,
        {{ exact_sum('expected_n * chance_deviation') }}
        / {{ exact_sum('chance_deviation') }} as typical_n
    from deviations
    group by vintage, area_kind, origin_date
),

-- Factors fitted to days lie nearer to those than to days ahead, by n - p to n + p for
-- p of them from n days. In one neighborhood chance is far greater than that.
corrected as (
    select
        scatters.vintage,
        scatters.area_kind,
        scatters.origin_date,
        scatters.typical_n,
        scatters.ratio * scatters.ratio * case
            when scatters.area_kind = 'city_total'
                then
                    (learnt.n_learnt_days + {{ n_city_factors }})
                    / (learnt.n_learnt_days - {{ n_city_factors }})
            else 1
        end as variance_ratio
    from scatters
    inner join learnt
        on
            scatters.vintage = learnt.vintage
            and scatters.origin_date = learnt.origin_date
),

-- A few extreme days weigh less in absolute deviations than in squares.
ahead as (
    select
        days.*,
        case
            when corrected.variance_ratio > 1
                then round(corrected.typical_n / (corrected.variance_ratio - 1), 6)
        end as dispersion_size
    from days
    inner join corrected
        on
            days.vintage = corrected.vintage
            and days.area_kind = corrected.area_kind
            and days.origin_date = corrected.origin_date
    where days.horizon_days > 0
),

intervals as (
    {{ count_intervals('ahead', ['series_key', 'origin_date', 'event_date'], 0.8) }}
),

forecast as (
    select
        ahead.series_key,
        ahead.vintage,
        ahead.area_kind,
        ahead.neighborhood_slug,
        ahead.origin_date,
        ahead.horizon_days,
        ahead.expected_n,
        ahead.dispersion_size,
        intervals.count_low,
        intervals.count_high,
        intervals.interval_chance,
        ahead.neighborhoods_mean,
        ahead.own_mean,
        ahead.own_weekday_mean,
        ahead.last_28_days_mean,
        ahead.last_4_weekdays_mean,
        ahead.n_events,
        ahead.event_date
    from ahead
    inner join intervals
        on
            ahead.series_key = intervals.series_key
            and ahead.origin_date = intervals.origin_date
            and ahead.event_date = intervals.event_date
)

select * from forecast
