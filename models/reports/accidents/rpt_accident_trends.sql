{% set measures = [
    'accidents', 'fatal', 'serious', 'hit_and_run', 'impaired', 'bicycle', 'pedestrian',
] %}
{# By which column of codes a measure is counted. #}
{% set code_columns = {
    'fatal': 'offense', 'serious': 'offense', 'hit_and_run': 'offense',
    'impaired': 'offense', 'bicycle': 'n_bicycles', 'pedestrian': 'n_pedestrians',
} %}
{# Of the 365 days of a window so many are to be observed. #}
{% set least_n_days = 350 %}
{% set n_weeks = 52 %}

with incidents as (
    select * from {{ ref('fct_incidents') }}
),

observed_days as (
    select * from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
),

coding_breaks as (
    select * from {{ ref('int_coding_breaks_found') }}
    where feed = 'accidents'
),

measures as (
    {% for measure in measures -%}
        select '{{ measure }}' as measure
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

areas as (
    select 'city' as area
    union all
    select 'district' as area
),

spans as (
    select
        vintage,
        max(event_date) as as_of_date
    from observed_days
    group by vintage
),

dated_days as (
    select
        observed_days.vintage,
        observed_days.event_date,
        spans.as_of_date,
        {{ dbt.datediff('observed_days.event_date', 'spans.as_of_date', 'day') }}
            as n_days_back
    from observed_days
    inner join spans
        on observed_days.vintage = spans.vintage
),

exposures as (
    select
        vintage,
        count(case when n_days_back between 0 and 364 then 1 end) as n_days_last,
        count(case when n_days_back between 365 and 729 then 1 end) as n_days_before
    from dated_days
    group by vintage
),

dated as (
    select
        incidents.*,
        dated_days.as_of_date,
        dated_days.n_days_back,
        -- The same week of both windows; the last of each has eight days.
        least(floor(dated_days.n_days_back % 365 / 7e0), {{ n_weeks - 1 }}) as week_back
    from incidents
    inner join dated_days
        on
            incidents.vintage = dated_days.vintage
            and incidents.occurred_date = dated_days.event_date
    where dated_days.n_days_back <= 729
),

broken_columns as (
    select
        coding_breaks.vintage,
        coding_breaks.code_column
    from coding_breaks
    inner join spans
        on coding_breaks.vintage = spans.vintage
    where
        {{ dbt.datediff('coding_breaks.break_date', 'spans.as_of_date', 'day') }}
        between 0 and 729
    group by coding_breaks.vintage, coding_breaks.code_column
),

judged as (
    select
        dated.vintage,
        dated.as_of_date,
        dated.week_back,
        areas.area,
        case
            when areas.area = 'city' then 'Denver'
            else coalesce(dated.district, 'Unknown')
        end as area_value,
        measures.measure,
        dated.n_days_back between 0 and 364 as is_in_last,
        dated.n_days_back between 365 and 729 as is_in_before,
        case measures.measure
            when 'accidents' then true
            when 'fatal' then dated.has_known_severity
            when 'serious' then dated.has_known_severity
            when 'hit_and_run' then dated.has_known_offense
            when 'impaired' then dated.has_known_offense
            else dated.has_road_user_counts
        end as is_measure_known,
        case measures.measure
            when 'accidents' then true
            when 'fatal' then dated.is_fatal
            when 'serious' then dated.is_serious_injury
            when 'hit_and_run' then dated.is_hit_and_run
            when 'impaired' then dated.is_impaired
            when 'bicycle' then dated.has_bicycle
            else dated.has_pedestrian
        end as is_counted
    from dated
    cross join areas
    cross join measures
),

weeks as (
    select
        vintage,
        area,
        area_value,
        measure,
        as_of_date,
        week_back,
        count(case when is_in_last then 1 end) as n_all_last,
        count(case when is_in_before then 1 end) as n_all_before,
        count(case when is_in_last and is_measure_known then 1 end) as n_known_last,
        count(case when is_in_before and is_measure_known then 1 end) as n_known_before,
        count(case when is_in_last and is_counted then 1 end) as n_last,
        count(case when is_in_before and is_counted then 1 end) as n_before
    from judged
    group by vintage, area, area_value, measure, as_of_date, week_back
),

-- Given the sum of a week of both years, the later count is binomial. By how much more
-- the weeks scatter, all together, is the dispersion: the mean of Pearson's terms would
-- be too small where few events are in a week.
shared as (
    select
        *,
        sum(n_last) over measured_area
        / cast(nullif(sum(n_last + n_before) over measured_area, 0) as double)
            as last_share
    from weeks
    window measured_area as (partition by vintage, area, area_value, measure)
),

counted as (
    select
        vintage,
        area,
        area_value,
        measure,
        as_of_date,
        sum(n_all_last) as n_all_last,
        sum(n_all_before) as n_all_before,
        sum(n_known_last) as n_known_last,
        sum(n_known_before) as n_known_before,
        cast(sum(n_last) as bigint) as n_last,
        cast(sum(n_before) as bigint) as n_before,
        {{ n_weeks / (n_weeks - 1) }}e0 * {{ exact_sum(
            '(n_last - last_share * (n_last + n_before))'
            ~ ' * (n_last - last_share * (n_last + n_before))'
        ) }} / nullif(
            sum(n_last + n_before) * max(last_share) * (1 - max(last_share)), 0
        )
            as week_dispersion
    from shared
    group by vintage, area, area_value, measure, as_of_date
),

-- Only where both windows are whole, and the measure is known of nearly all in both.
comparable as (
    select
        counted.*,
        exposures.n_days_last >= {{ least_n_days }}
        and exposures.n_days_before >= {{ least_n_days }} as has_whole_windows,
        counted.n_known_last > 0
        and counted.n_known_before > 0
        and counted.n_known_last >= 0.95 * counted.n_all_last
        and counted.n_known_before >= 0.95 * counted.n_all_before as is_known_in_both,
        counted.n_last + counted.n_before as n_both,
        cast(exposures.n_days_before as double) / exposures.n_days_last
            as days_ratio,
        greatest(coalesce(counted.week_dispersion, 1), 1) as dispersion,
        broken_columns.code_column is not null as crosses_coding_break
    from counted
    inner join exposures
        on counted.vintage = exposures.vintage
    left join broken_columns
        on
            counted.vintage = broken_columns.vintage
            and broken_columns.code_column = case counted.measure
                {% for measure, column in code_columns.items() -%}
                    when '{{ measure }}' then '{{ column }}'
                {% endfor -%}
            end
),

-- A dispersion that is estimated asks for Student's law, with fewer degrees of freedom
-- than weeks where few events come in clusters (the kurtosis of the negative binomial
-- law).
freed as (
    select
        *,
        greatest(
            {{ n_weeks - 1 }} / (1 + {{ 3 * n_weeks }}e0 * (dispersion - 1) / n_both), 3
        ) as n_free
    from comparable
),

-- Its quantile by the normal one: Abramowitz and Stegun 26.7.5.
scattered as (
    select
        *,
        dispersion * case
            when dispersion > 1
                then power(1 + 1.210365e0 / n_free + 1.440078e0 / n_free / n_free, 2)
            else 1
        end as divisor
    from freed
),

-- The later count's share p of the sum makes the ratio of the counts p / (1 - p).
intervals as (
    select
        *,
        has_whole_windows and is_known_in_both as is_comparable,
        {{ wilson_bound('(n_last / divisor)', '(n_both / divisor)', 'low') }}
            as share_low,
        {{ wilson_bound('(n_last / divisor)', '(n_both / divisor)', 'high') }}
            as share_high
    from scattered
),

ratios as (
    select
        *,
        case
            when is_comparable
                then days_ratio * cast(n_last as double) / nullif(n_before, 0)
        end as rate_ratio,
        case
            when is_comparable and n_both > 0
                then days_ratio * share_low / (1 - share_low)
        end as rate_ratio_low,
        case
            when is_comparable and n_before > 0
                then days_ratio * share_high / (1 - share_high)
        end as rate_ratio_high
    from intervals
),

compared as (
    select
        vintage,
        area,
        area_value,
        measure,
        case when n_known_last > 0 then n_last end as n_last_365_days,
        case when has_whole_windows and n_known_before > 0 then n_before end
            as n_before_365_days,
        rate_ratio,
        rate_ratio_low,
        rate_ratio_high,
        round(dispersion, 6) as dispersion,
        has_whole_windows,
        crosses_coding_break,
        not crosses_coding_break
        and coalesce(rate_ratio_low > 1 or rate_ratio_high < 1, false)
            as has_clear_change,
        as_of_date
    from ratios
)

select * from compared
