{# Of 65,536 Poisson numbers with mean 1, how many are at most 0, 1, and so on. #}
{% set poisson_ends = [
    '5e2d', 'bc5b', 'eb71', 'fb24', 'ff10', 'ffd9', 'fffb', 'ffff'
] %}

with weeks as (
    select
        *,
        {{ dbt.datediff("cast('2000-01-03' as date)", 'origin_date', 'day') }}
            as origin_number
    from {{ ref('int_accident_forecasts_scored') }}
),

batches as (
    select {{ whole_numbers_between(0, 24) }} as batch
),

parts as (
    select {{ whole_numbers_between(0, 7) }} as part
),

origins as (
    select origin_number from weeks
    group by origin_number
),

-- In each replicate a week happens as often as a Poisson number says, everywhere.
hashed as (
    select
        origins.origin_number,
        batches.batch,
        md5(origins.origin_number || ':' || batches.batch) as digits
    from origins
    cross join batches
),

redrawn_weeks as (
    select
        hashed.origin_number,
        hashed.batch * 8 + parts.part as replicate,
        case
            {% for end in poisson_ends -%}
                when substr(hashed.digits, parts.part * 4 + 1, 4) < '{{ end }}'
                    then {{ loop.index0 }}
            {% endfor -%}
            else {{ poisson_ends | length }}
        end as n_times
    from hashed
    cross join parts
),

redrawn as (
    select
        weeks.vintage,
        weeks.neighborhood_slug,
        weeks.baseline,
        weeks.horizon_week,
        redrawn_weeks.replicate,
        {{ round_signed(
            '1 - ' ~ exact_sum('redrawn_weeks.n_times * weeks.forecast_deviance')
            ~ ' / nullif('
            ~ exact_sum('redrawn_weeks.n_times * weeks.baseline_deviance') ~ ', 0)', 9
        ) }} as skill
    from weeks
    inner join redrawn_weeks
        on weeks.origin_number = redrawn_weeks.origin_number
    group by
        weeks.vintage, weeks.neighborhood_slug, weeks.baseline, weeks.horizon_week,
        redrawn_weeks.replicate
),

intervals as (
    select
        vintage,
        neighborhood_slug,
        baseline,
        horizon_week,
        percentile_disc(0.025) within group (order by skill asc) as skill_low,
        percentile_disc(0.975) within group (order by skill asc) as skill_high
    from redrawn
    group by vintage, neighborhood_slug, baseline, horizon_week
),

scored as (
    select
        vintage,
        area_kind,
        neighborhood_slug,
        baseline,
        horizon_week,
        cast(sum(n_days) as bigint) as n_days,
        count(*) as n_weeks,
        cast(sum(n_events) as bigint) as n_accidents,
        {% for name in [
            'forecast_n', 'interval_chance', 'forecast_deviance', 'baseline_deviance',
            'forecast_error', 'baseline_error',
        ] -%}
            {{ exact_sum(name) }} as {{ name }},
        {% endfor -%}
        cast(sum(n_in_interval) as double) / sum(n_days) as in_interval_share
    from weeks
    group by vintage, area_kind, neighborhood_slug, baseline, horizon_week
),

judged as (
    select
        scored.vintage,
        scored.area_kind,
        scored.neighborhood_slug,
        scored.baseline,
        case
            when intervals.skill_low > 0 then 'better'
            when intervals.skill_high < 0 then 'worse'
            else 'no_better'
        end as verdict,
        scored.horizon_week,
        scored.n_days,
        scored.n_weeks,
        scored.n_accidents,
        round(scored.forecast_n, 6) as n_accidents_forecast,
        round(scored.forecast_deviance / scored.n_days, 9) as mean_deviance,
        round(scored.baseline_deviance / scored.n_days, 9) as baseline_mean_deviance,
        round(scored.forecast_error / scored.n_days, 9) as mean_absolute_error,
        round(scored.baseline_error / scored.n_days, 9)
            as baseline_mean_absolute_error,
        {{ round_signed(
            '1 - scored.forecast_deviance / nullif(scored.baseline_deviance, 0)', 9
        ) }} as skill,
        intervals.skill_low,
        intervals.skill_high,
        scored.in_interval_share,
        round(scored.interval_chance / scored.n_days, 9) as mean_interval_chance
    from scored
    inner join intervals
        on
            scored.vintage = intervals.vintage
            and scored.neighborhood_slug = intervals.neighborhood_slug
            and scored.baseline = intervals.baseline
            and scored.horizon_week = intervals.horizon_week
)

select * from judged
