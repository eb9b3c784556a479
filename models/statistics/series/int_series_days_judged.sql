{# How often all series of a set together may give a false alert. #}
{% set n_days_per_false_alert = 30 %}

with expectations as (
    select * from {{ ref('int_series_baselines_estimated') }}
),

count_tails as (
    {{ count_tails('expectations', ['series_key', 'event_date']) }}
),

-- A series can be odd in three ways: too many, too few, silent.
chanced as (
    select
        expectations.*,
        count_tails.chance_as_few,
        count_tails.chance_as_many,
        exp(
            -expectations.silent_dispersion_size
            * ln(
                1 + expectations.silent_expected_n / expectations.silent_dispersion_size
            )
        ) as chance_of_silence,
        count(*) over (
            partition by
                expectations.feed, expectations.vintage, expectations.dimension,
                expectations.event_date
        ) as n_series
    from expectations
    inner join count_tails
        on
            expectations.series_key = count_tails.series_key
            and expectations.event_date = count_tails.event_date
),

thresholded as (
    select
        *,
        1e0 / ({{ n_days_per_false_alert }} * 3 * n_series) as greatest_chance
    from chanced
),

-- A day without any event is judged together with the silent days before it.
judged as (
    select
        *,
        case
            when n_events = 0 and chance_of_silence < greatest_chance then 'silence'
            when n_events > 0 and chance_as_few < greatest_chance then 'too_few'
            when chance_as_many < greatest_chance then 'too_many'
            else 'none'
        end as alert
    from thresholded
),

followed as (
    select
        *,
        lag(alert) over (partition by series_key order by event_date asc)
            as alert_before
    from judged
),

-- Of a silence that was there on the first day judged nobody knows when it was noticed.
marked as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        alert,
        n_events,
        expected_n,
        expected_n_per_day,
        dispersion_size,
        n_silent_days,
        chance_as_few,
        chance_as_many,
        chance_of_silence,
        greatest_chance,
        n_series,
        case alert
            when 'none' then false
            when 'silence'
                then coalesce(alert_before <> 'silence', n_silent_days = 1)
            else true
        end as is_new_alert,
        event_date
    from followed
)

select * from marked
