-- So many days like the long mean are added to the recent ones.
{% set n_prior_days = 30 %}

with own_weekdays as (
    select * from {{ ref('int_accident_weekdays_counted') }}
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
        / (own_recent_days + {{ n_prior_days }}) as recent_level
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
        neighborhood_slug,
        origin_date,
        weekday_number,
        round(
            recent_level * case
                when area_kind = 'neighborhood' and excess > 0
                    then
                        (n_events + square_sum / excess)
                        / (weekday_n + square_sum / excess)
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
