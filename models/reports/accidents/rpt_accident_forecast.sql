with latest_forecasts as (
    select
        *,
        max(origin_date) over (partition by vintage) as last_whole_date,
        case when horizon_days <= 7 then 1 else 2 end as horizon_week
    from {{ ref('int_accidents_forecast') }}
),

skills as (
    select * from {{ ref('int_accident_forecasts_judged') }}
    where baseline = 'own_mean'
),

reports as (
    select * from {{ ref('int_accident_reports_awaited') }}
),

deliveries as (
    select
        series as vintage,
        max(cast(as_of_at as date)) as as_of_date
    from {{ ref('fct_deliveries') }}
    where feed = 'accidents' and status = 'landed'
    group by series
),

-- Of a day with reports, what is not yet reported is still to be expected.
forecasts as (
    select
        forecasts.*,
        deliveries.as_of_date,
        coalesce(city_reports.reported_share, 0) as reported_share,
        coalesce(area_reports.n_reported, 0) as n_reported,
        forecasts.dispersion_size + coalesce(area_reports.n_reported, 0)
            as awaited_size
    from latest_forecasts as forecasts
    inner join deliveries
        on forecasts.vintage = deliveries.vintage
    left join reports as city_reports
        on
            forecasts.vintage = city_reports.vintage
            and forecasts.event_date = city_reports.event_date
            and city_reports.neighborhood_slug = 'city_total'
    left join reports as area_reports
        on
            forecasts.vintage = area_reports.vintage
            and forecasts.event_date = area_reports.event_date
            and forecasts.neighborhood_slug = area_reports.neighborhood_slug
    where forecasts.origin_date = forecasts.last_whole_date
),

-- By Bayes' rule: many reports so far say that it is a day of many.
awaited as (
    select
        series_key,
        event_date,
        expected_n * (1 - reported_share) * coalesce(
            awaited_size / (dispersion_size + expected_n * reported_share), 1
        ) as expected_n,
        awaited_size as dispersion_size
    from forecasts
),

-- Where all is reported there is nothing to be uncertain of.
still_awaited as (
    select * from awaited
    where expected_n > 0
),

awaited_intervals as (
    {{ count_intervals('still_awaited', ['series_key', 'event_date'], 0.8) }}
),

estimated as (
    select
        forecasts.vintage,
        forecasts.area_kind,
        forecasts.neighborhood_slug,
        case when forecasts.reported_share > 0 then 'nowcast' else 'forecast' end
            as estimate_kind,
        coalesce(skills.verdict, 'not_tested') as verdict,
        case coalesce(skills.verdict, 'not_tested')
            when 'better' then 'In the test better than the mean of past days.'
            when 'no_better' then 'In the test no better than the mean of past days.'
            when 'worse' then 'In the test worse than the mean of past days: use that.'
            else 'Not tested: too few days are known.'
        end as verdict_text,
        forecasts.horizon_days,
        forecasts.n_reported,
        round(forecasts.reported_share, 9) as reported_share,
        round(forecasts.n_reported + awaited.expected_n, 6) as expected_accidents,
        forecasts.n_reported + coalesce(awaited_intervals.count_low, 0) as low_80,
        forecasts.n_reported + coalesce(awaited_intervals.count_high, 0) as high_80,
        coalesce(awaited_intervals.interval_chance, 1) as interval_chance,
        skills.in_interval_share as measured_coverage,
        forecasts.own_mean as baseline_mean,
        skills.skill,
        skills.skill_low,
        skills.skill_high,
        skills.n_days as n_days_tested,
        forecasts.as_of_date,
        forecasts.origin_date,
        forecasts.event_date as forecast_date
    from forecasts
    inner join awaited
        on
            forecasts.series_key = awaited.series_key
            and forecasts.event_date = awaited.event_date
    left join awaited_intervals
        on
            forecasts.series_key = awaited_intervals.series_key
            and forecasts.event_date = awaited_intervals.event_date
    left join skills
        on
            forecasts.vintage = skills.vintage
            and forecasts.neighborhood_slug = skills.neighborhood_slug
            and forecasts.horizon_week = skills.horizon_week
)

select * from estimated
