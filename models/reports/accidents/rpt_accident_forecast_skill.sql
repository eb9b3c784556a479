{# Of 65,536 Poisson numbers with mean 1, how many are at most 0, 1, and so on. #}
{% set poisson_ends = [
    '5e2d', 'bc5b', 'eb71', 'fb24', 'ff10', 'ffd9', 'fffb', 'ffff'
] %}
{% set baselines = [
    'city_mean', 'neighborhood_mean', 'neighborhood_weekday_mean', 'last_28_days_mean',
    'last_4_weekdays_mean',
] %}
{% set areas = {'neighborhood': ['neighborhood_slug'], 'city': []} %}
{% set measures = [
    'forecast_n', 'forecast_deviance', 'baseline_deviance', 'forecast_error',
    'baseline_error',
] %}
{% set week_columns = ['vintage', 'baseline', 'week_number'] %}

with forecasts as (
    select
        *,
        {{ dbt.datediff("cast('2000-01-03' as date)", 'event_date', 'day') }}
            as day_number,
        forecast_n as expected_n,
        cast(null as double) as dispersion_size
    from {{ ref('int_accidents_forecast') }}
),

count_tails as (
    {{ count_tails('forecasts', ['series_key', 'event_date']) }}
),

-- Within the middle 90 % of the Poisson law around the forecast.
covered as (
    select
        forecasts.*,
        cast(floor(forecasts.day_number / 7e0) as integer) as week_number,
        case
            when
                count_tails.chance_as_few >= 0.05
                and count_tails.chance_as_many > 0.05
                then 1
            else 0
        end as is_in_interval
    from forecasts
    inner join count_tails
        on
            forecasts.series_key = count_tails.series_key
            and forecasts.event_date = count_tails.event_date
),

compared as (
    {% for baseline in baselines -%}
        select
            vintage,
            neighborhood_slug,
            week_number,
            '{{ baseline }}' as baseline,
            n_events,
            is_in_interval,
            forecast_n,
            {{ baseline }} as baseline_n
        from covered
        -- What expects nothing at all, ever, is no baseline.
        where {{ baseline }} > 0
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

measured as (
    select
        *,
        {% for forecast in ['forecast', 'baseline'] -%}
            2 * (
                case
                    when n_events > 0 then n_events * ln(n_events / {{ forecast }}_n)
                    else 0
                end - n_events + {{ forecast }}_n
            ) as {{ forecast }}_deviance,
            abs(n_events - {{ forecast }}_n) as {{ forecast }}_error
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from compared
),

-- Once by neighborhood, once for the days of all of them, which is not the city's day.
weeks as (
    select
        vintage,
        baseline,
        coalesce(neighborhood_slug, 'pooled') as neighborhood_slug,
        week_number,
        count(*) as n_days,
        sum(n_events) as n_events,
        {% for name in measures -%}
            {{ exact_sum(name) }} as {{ name }},
        {% endfor -%}
        sum(is_in_interval) as n_in_interval
    from measured
    group by {{ grouped_by_dimension(areas, week_columns) }} -- noqa: PRS
),

batches as (
    select {{ whole_numbers_between(0, 24) }} as batch
),

parts as (
    select {{ whole_numbers_between(0, 7) }} as part
),

week_numbers as (
    select week_number from weeks
    group by week_number
),

-- In each replicate a week happens as often as a Poisson number says, everywhere.
hashed as (
    select
        week_numbers.week_number,
        batches.batch,
        md5(week_numbers.week_number || ':' || batches.batch) as digits
    from week_numbers
    cross join batches
),

redrawn_weeks as (
    select
        hashed.week_number,
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
        weeks.baseline,
        weeks.neighborhood_slug,
        redrawn_weeks.replicate,
        {{ round_signed(
            '1 - ' ~ exact_sum('redrawn_weeks.n_times * weeks.forecast_deviance')
            ~ ' / nullif('
            ~ exact_sum('redrawn_weeks.n_times * weeks.baseline_deviance') ~ ', 0)', 9
        ) }} as skill
    from weeks
    inner join redrawn_weeks
        on weeks.week_number = redrawn_weeks.week_number
    group by
        weeks.vintage, weeks.baseline, weeks.neighborhood_slug, redrawn_weeks.replicate
),

intervals as (
    select
        vintage,
        baseline,
        neighborhood_slug,
        percentile_disc(0.025) within group (order by skill asc) as skill_low,
        percentile_disc(0.975) within group (order by skill asc) as skill_high
    from redrawn
    group by vintage, baseline, neighborhood_slug
),

scored as (
    select
        vintage,
        baseline,
        neighborhood_slug,
        cast(sum(n_days) as bigint) as n_days,
        count(*) as n_weeks,
        cast(sum(n_events) as bigint) as n_accidents,
        {% for name in measures -%}
            {{ exact_sum(name) }} as {{ name }},
        {% endfor -%}
        cast(sum(n_in_interval) as double) / sum(n_days) as in_interval_share
    from weeks
    group by vintage, baseline, neighborhood_slug
),

judged as (
    select
        scored.vintage,
        scored.neighborhood_slug,
        scored.baseline,
        case
            when intervals.skill_low > 0 then 'better'
            when intervals.skill_high < 0 then 'worse'
            else 'no_better'
        end as verdict,
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
        scored.in_interval_share
    from scored
    inner join intervals
        on
            scored.vintage = intervals.vintage
            and scored.baseline = intervals.baseline
            and scored.neighborhood_slug = intervals.neighborhood_slug
)

select * from judged
