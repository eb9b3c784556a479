with judgements as (
    select * from {{ ref('int_series_days_judged') }}
),

ranked as (
    select
        *,
        count(*) over (partition by series_key) as n_judged_days,
        count(case when alert <> 'none' then 1 end) over (partition by series_key)
            as n_alert_days,
        count(case when is_new_alert then 1 end) over (partition by series_key)
            as n_new_alerts,
        row_number() over (
            partition by series_key
            order by event_date desc
        ) as days_back_rank
    from judgements
),

-- With a mean of m a day, d days are silent with chance (1 + d m / size) ^ -size: the
-- days for which that is the greatest chance that gives no alert, and one more.
latest as (
    select
        *,
        dispersion_size * (
            exp(least(-ln(greatest_chance) / dispersion_size, 100)) - 1
        ) / expected_n_per_day as days_to_threshold
    from ranked
    where days_back_rank = 1
),

watched as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        alert as last_alert,
        expected_n_per_day,
        dispersion_size,
        n_silent_days,
        case
            when days_to_threshold < 365
                then cast(floor(days_to_threshold) as integer) + 1
        end as silent_days_to_alert,
        n_judged_days,
        n_alert_days,
        n_new_alerts,
        greatest_chance,
        n_series,
        event_date as last_judged_date
    from latest
)

select * from watched
