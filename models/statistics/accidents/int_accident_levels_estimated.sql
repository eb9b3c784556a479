-- The weight of a day halves with so many days, and so many days like the long mean are
-- added.
{% set n_half_life_days = 120 %}
{% set n_prior_days = 30 %}

with series_days as (
    select
        *,
        case when dimension = 'overall' then 'city_total' else dimension end as area_kind
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

own_weekdays as (
    select
        series_days.series_key,
        series_days.vintage,
        series_days.area_kind,
        series_days.dimension_value,
        seasons.origin_date,
        seasons.weekday_number,
        count(*) as n_days,
        sum(series_days.n_events) as n_events,
        {{ exact_sum('seasons.season_weight') }} as season_days,
        {{ exact_sum('seasons.recency * series_days.n_events') }} as recent_events,
        {{ exact_sum('seasons.recency * seasons.season_weight') }} as recent_days,
        count(case when seasons.horizon_days > -28 then 1 end) as n_days_of_28,
        sum(case when seasons.horizon_days > -28 then series_days.n_events else 0 end)
            as n_events_of_28
    from series_days
    inner join seasons
        on
            series_days.vintage = seasons.vintage
            and series_days.event_date = seasons.event_date
    group by
        series_days.series_key, series_days.vintage, series_days.area_kind,
        series_days.dimension_value, seasons.origin_date, seasons.weekday_number
),

-- Half an event is added, so that none says never.
totals as (
    select
        *,
        (sum(n_events) over own + 0.5e0) / sum(n_days) over own as own_mean,
        (sum(n_events) over own + 0.5e0) / {{ exact_sum('season_days', over='own') }}
            as long_rate,
        {{ exact_sum('recent_events', over='own') }} as own_recent_events,
        {{ exact_sum('recent_days', over='own') }} as own_recent_days,
        sum(n_days_of_28) over own as own_days_of_28,
        sum(n_events_of_28) over own as own_events_of_28,
        cast(sum(n_events) over kind as double) / sum(n_days) over kind as kind_mean
    from own_weekdays
    window
        own as (partition by series_key, origin_date),
        kind as (partition by vintage, area_kind, origin_date)
),

levels as (
    select
        *,
        season_days * long_rate as weekday_n,
        (own_recent_events + {{ n_prior_days }} * long_rate)
        / (own_recent_days + {{ n_prior_days }}) as level
    from totals
),

-- How much own weekdays differ beyond chance, over all areas of a kind, says how many
-- events weigh as much as the city's weekday: the variance of a gamma law by moments.
strengths as (
    select
        *,
        {{ exact_sum(
            '(n_events - weekday_n) * (n_events - weekday_n) - weekday_n', over='kind'
        ) }} as excess,
        {{ exact_sum('weekday_n * weekday_n', over='kind') }} as square_sum
    from levels
    window kind as (partition by vintage, area_kind, origin_date)
),

estimated as (
    select
        series_key,
        vintage,
        area_kind,
        case when area_kind = 'neighborhood' then dimension_value else area_kind end
            as neighborhood_slug,
        origin_date,
        weekday_number,
        round(
            level * case
                when excess > 0
                    then (n_events + square_sum / excess) / (weekday_n + square_sum / excess)
                else 1
            end, 9
        ) as weekday_level,
        case when area_kind = 'neighborhood' then round(kind_mean, 9) end
            as neighborhoods_mean,
        round(own_mean, 9) as own_mean,
        round((n_events + own_mean) / (n_days + 1), 9) as own_weekday_mean,
        round((own_events_of_28 + own_mean) / (own_days_of_28 + 1), 9)
            as last_28_days_mean,
        round((n_events_of_28 + own_mean) / (n_days_of_28 + 1), 9)
            as last_4_weekdays_mean
    from strengths
)

select * from estimated
