{% set measures = [
    'all', 'fatal', 'serious', 'hit_and_run', 'impaired', 'bicycle', 'pedestrian',
] %}

with incidents as (
    select * from {{ ref('fct_incidents') }}
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

-- The last day of a file may be incomplete; the day before it is whole.
spans as (
    select
        vintage,
        min(occurred_date) as first_date,
        {{ dbt.dateadd('day', -1, 'max(occurred_date)') }}
            as as_of
    from incidents
    group by vintage
),

bounded as (
    select
        vintage,
        cast(as_of as date) as as_of_date,
        {{ dbt.datediff('first_date', 'as_of', 'day') }}
            as last_day_back
    from spans
),

joined as (
    select
        incidents.*,
        bounded.as_of_date,
        bounded.last_day_back >= 729 as has_whole_windows
    from incidents
    inner join bounded
        on incidents.vintage = bounded.vintage
),

dated as (
    select
        *,
        {{ dbt.datediff('occurred_date', 'as_of_date', 'day') }}
            as n_days_back
    from joined
),

judged as (
    select
        dated.vintage,
        dated.has_whole_windows,
        dated.as_of_date,
        areas.area,
        case
            when areas.area = 'city' then 'all'
            else coalesce(dated.district, 'Unknown')
        end as area_value,
        measures.measure,
        dated.n_days_back between 0 and 364 as is_in_last,
        dated.n_days_back between 365 and 729 as is_in_before,
        case measures.measure
            when 'all' then true
            when 'fatal' then dated.has_known_severity
            when 'serious' then dated.has_known_severity
            when 'hit_and_run' then dated.has_known_offense
            when 'impaired' then dated.has_known_offense
            else dated.has_road_user_counts
        end as is_measure_known,
        case measures.measure
            when 'all' then true
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

counted as (
    select
        vintage,
        area,
        area_value,
        measure,
        as_of_date,
        has_whole_windows,
        count(case when is_in_last then 1 end) as n_all_last,
        count(case when is_in_before then 1 end) as n_all_before,
        count(case when is_in_last and is_measure_known then 1 end) as n_known_last,
        count(case when is_in_before and is_measure_known then 1 end) as n_known_before,
        count(case when is_in_last and is_counted then 1 end) as n_last,
        count(case when is_in_before and is_counted then 1 end) as n_before
    from judged
    group by vintage, area, area_value, measure, has_whole_windows, as_of_date
),

-- Only where both windows are whole, and the measure is known of nearly all in both.
comparable as (
    select
        *,
        has_whole_windows
        and n_known_last > 0
        and n_known_before > 0
        and n_known_last >= 0.95 * n_all_last
        and n_known_before >= 0.95 * n_all_before as is_comparable,
        n_last + n_before as n_both
    from counted
),

-- Given their sum, the later of two Poisson counts is binomial; its share p of the sum
-- makes the ratio of the rates p / (1 - p).
intervals as (
    select
        *,
        {{ wilson_bound('n_last', 'n_both', 'low') }} as share_low,
        {{ wilson_bound('n_last', 'n_both', 'high') }} as share_high
    from comparable
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
        case when is_comparable then cast(n_last as double) / nullif(n_before, 0) end
            as rate_ratio,
        case when is_comparable and n_both > 0 then share_low / (1 - share_low) end
            as rate_ratio_low,
        case when is_comparable and n_before > 0 then share_high / (1 - share_high) end
            as rate_ratio_high,
        has_whole_windows,
        is_comparable and n_both > 0 and (share_low > 0.5 or share_high < 0.5)
            as has_clear_change,
        as_of_date
    from intervals
)

select * from compared
