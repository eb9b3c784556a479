-- A neighborhood's own year weighs so many days against its long mean, the city's
-- weekdays and months so many events against none.
{% set n_prior_days = 28 %}
{% set n_prior_events = {'weekday': 100, 'month': 1000} %}

with series_days as (
    select
        *,
        {{ iso_weekday('event_date') }} as weekday_number,
        cast(extract(month from event_date) as integer) as month_number
    from {{ ref('fct_series_days') }}
    where
        feed = 'accidents'
        and dimension = 'neighborhood'
        and dimension_value <> 'unknown'
),

observed_days as (
    select
        vintage,
        event_date,
        row_number() over (partition by vintage order by event_date desc)
            as n_days_back,
        count(*) over (partition by vintage) as n_days
    from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
),

-- The last quarter of the days, in whole weeks, is forecast; what is before is learnt
-- from.
parted_days as (
    select
        series_days.*,
        observed_days.n_days_back > floor(observed_days.n_days / 28e0) * 7 as is_learnt
    from series_days
    inner join observed_days
        on
            series_days.vintage = observed_days.vintage
            and series_days.event_date = observed_days.event_date
    where observed_days.n_days >= 224
),

city_means as (
    select
        vintage,
        avg(n_events) as city_mean
    from parted_days
    where is_learnt
    group by vintage
),

own_means as (
    select
        series_key,
        (sum(n_events) + 0.5) / count(*) as own_mean
    from parted_days
    where is_learnt
    group by series_key
),

own_weekdays as (
    select
        series_key,
        weekday_number,
        sum(n_events) as n_events,
        count(*) as n_days
    from parted_days
    where is_learnt
    group by series_key, weekday_number
),

{% for season, n_events in n_prior_events.items() -%}
    city_{{ season }}s as (
        select
            parted_days.vintage,
            parted_days.{{ season }}_number,
            (sum(parted_days.n_events) + {{ n_events }})
            / (count(*) * max(city_means.city_mean) + {{ n_events }})
                as {{ season }}_weight
        from parted_days
        inner join city_means
            on parted_days.vintage = city_means.vintage
        where parted_days.is_learnt
        group by parted_days.vintage, parted_days.{{ season }}_number
    ),
{% endfor %}

-- Known the evening before: nothing of the day itself.
followed as (
    select
        *,
        sum(n_events) over last_year as n_last_year,
        count(*) over last_year as n_days_last_year,
        sum(n_events) over last_28_days as n_last_28_days,
        sum(n_events) over last_4_weekdays as n_last_4_weekdays,
        count(*) over last_4_weekdays as n_weekdays
    from parted_days
    window
        last_year as (
            partition by series_key
            order by event_date
            rows between 364 preceding and 1 preceding
        ),
        last_28_days as (
            partition by series_key
            order by event_date
            rows between 28 preceding and 1 preceding
        ),
        last_4_weekdays as (
            partition by series_key, weekday_number
            order by event_date
            rows between 4 preceding and 1 preceding
        )
),

-- One day like the long mean is added to each short one, so that none says never.
forecast as (
    select
        followed.series_key,
        followed.vintage,
        followed.dimension_value as neighborhood_slug,
        followed.n_events,
        round(city_means.city_mean, 9) as city_mean,
        round(own_means.own_mean, 9) as neighborhood_mean,
        round(
            (own_weekdays.n_events + own_means.own_mean) / (own_weekdays.n_days + 1), 9
        ) as neighborhood_weekday_mean,
        round((followed.n_last_28_days + own_means.own_mean) / 29, 9)
            as last_28_days_mean,
        round(
            (followed.n_last_4_weekdays + own_means.own_mean)
            / (followed.n_weekdays + 1), 9
        ) as last_4_weekdays_mean,
        round(
            (followed.n_last_year + {{ n_prior_days }} * own_means.own_mean)
            / (followed.n_days_last_year + {{ n_prior_days }})
            * city_weekdays.weekday_weight * city_months.month_weight, 9
        ) as forecast_n,
        followed.event_date
    from followed
    inner join city_means
        on followed.vintage = city_means.vintage
    inner join own_means
        on followed.series_key = own_means.series_key
    inner join own_weekdays
        on
            followed.series_key = own_weekdays.series_key
            and followed.weekday_number = own_weekdays.weekday_number
    inner join city_weekdays
        on
            followed.vintage = city_weekdays.vintage
            and followed.weekday_number = city_weekdays.weekday_number
    inner join city_months
        on
            followed.vintage = city_months.vintage
            and followed.month_number = city_months.month_number
    where not followed.is_learnt
)

select * from forecast
