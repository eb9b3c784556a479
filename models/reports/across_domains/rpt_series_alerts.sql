with judgements as (
    select * from {{ ref('int_series_days_judged') }}
    where alert <> 'none'
),

alerts as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        alert,
        n_events,
        expected_n,
        n_silent_days,
        case alert
            when 'silence' then chance_of_silence
            when 'too_few' then chance_as_few
            else chance_as_many
        end as chance,
        greatest_chance,
        n_series,
        is_new_alert,
        event_date
    from judgements
)

select * from alerts
