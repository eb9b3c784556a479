-- The weight of a day halves with so many days.
{% set n_half_life_days = 120 %}

with series_days as (
    select
        *,
        case when dimension = 'overall' then 'city_total' else dimension end
            as area_kind
    from {{ ref('fct_series_days') }}
    where
        feed = 'accidents'
        and (
            dimension = 'overall'
            or (dimension = 'neighborhood' and dimension_value <> 'unknown')
        )
),

seasons as (
    select
        *,
        exp(ln(0.5e0) * -horizon_days / {{ n_half_life_days }}) as recency
    from {{ ref('int_accident_seasons_estimated') }}
    where horizon_days <= 0
),

weekdays as (
    select
        vintage,
        origin_date,
        weekday_number,
        count(*) as n_days,
        {{ exact_sum('season_weight') }} as season_days,
        {{ exact_sum('recency * season_weight') }} as recent_days,
        count(case when horizon_days > -28 then 1 end) as n_days_of_28
    from seasons
    group by vintage, origin_date, weekday_number
),

-- Most days of most neighborhoods have none, and add nothing.
own_events as (
    select
        series_days.series_key,
        seasons.origin_date,
        seasons.weekday_number,
        sum(series_days.n_events) as n_events,
        {{ exact_sum('seasons.recency * series_days.n_events') }} as recent_events,
        sum(case when seasons.horizon_days > -28 then series_days.n_events else 0 end)
            as n_events_of_28
    from series_days
    inner join seasons
        on
            series_days.vintage = seasons.vintage
            and series_days.event_date = seasons.event_date
    where series_days.n_events > 0
    group by series_days.series_key, seasons.origin_date, seasons.weekday_number
),

series as (
    select
        series_key,
        vintage,
        area_kind,
        dimension_value
    from series_days
    group by series_key, vintage, area_kind, dimension_value
),

own_weekdays as (
    select
        series.series_key,
        series.vintage,
        series.area_kind,
        case
            when series.area_kind = 'neighborhood' then series.dimension_value
            else series.area_kind
        end as neighborhood_slug,
        weekdays.origin_date,
        weekdays.weekday_number,
        weekdays.n_days,
        weekdays.season_days,
        weekdays.recent_days,
        weekdays.n_days_of_28,
        coalesce(own_events.n_events, 0) as n_events,
        coalesce(own_events.recent_events, 0) as recent_events,
        coalesce(own_events.n_events_of_28, 0) as n_events_of_28
    from series
    inner join weekdays
        on series.vintage = weekdays.vintage
    left join own_events
        on
            series.series_key = own_events.series_key
            and weekdays.origin_date = own_events.origin_date
            and weekdays.weekday_number = own_events.weekday_number
)

select * from own_weekdays
