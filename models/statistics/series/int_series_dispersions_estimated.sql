{# Of fewer pairs of weeks it cannot be told. #}
{% set least_n_pairs = 8 %}

with series_days as (
    select
        *,
        cast(floor(
            {{ dbt.datediff("cast('2000-01-03' as date)", 'event_date', 'day') }}
            / 7e0
        ) as integer) as week_number
    from {{ ref('fct_series_days') }}
),

whole_weeks as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        week_number,
        sum(n_events) as n_events
    from series_days
    group by series_key, feed, vintage, dimension, dimension_value, week_number
    having count(*) = 7
),

followed as (
    select
        *,
        lag(n_events) over (partition by series_key order by week_number)
            as n_events_before,
        lag(week_number) over (partition by series_key order by week_number)
            as week_before
    from whole_weeks
),

-- A week and the next have the same season, and differ by chance alone: by Poisson's
-- law the square of the difference is as large as their sum.
measured as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        cast(count(*) as integer) as n_pairs,
        case
            when count(*) >= {{ least_n_pairs }}
                then round(greatest(
                    sum((n_events - n_events_before) * (n_events - n_events_before))
                    / cast(nullif(sum(n_events + n_events_before), 0) as double),
                    1
                ), 9)
        end as week_dispersion
    from followed
    where week_number - week_before = 1
    group by series_key, feed, vintage, dimension, dimension_value
)

select * from measured
