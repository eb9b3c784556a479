with judgements as (
    select * from {{ ref('int_series_days_judged') }}
    where alert <> 'none'
),

coding_breaks as (
    select
        *,
        {{ label_slug('code') }} as dimension_value
    from {{ ref('int_coding_breaks_found') }}
    where code_column = 'neighborhood_label'
),

-- What is usual is learnt from 182 days before the 28 that are judged.
broken_days as (
    select
        judgements.series_key,
        judgements.event_date
    from judgements
    inner join coding_breaks
        on
            judgements.feed = coding_breaks.feed
            and judgements.vintage = coding_breaks.vintage
            and judgements.dimension_value = coding_breaks.dimension_value
    where
        judgements.dimension = 'neighborhood'
        and {{ dbt.datediff(
            'coding_breaks.break_date', 'judgements.event_date', 'day'
        ) }}
        between 0 and 210
    group by judgements.series_key, judgements.event_date
),

alerts as (
    select
        judgements.series_key,
        judgements.feed,
        judgements.vintage,
        judgements.dimension,
        judgements.dimension_value,
        judgements.alert,
        judgements.n_events,
        judgements.expected_n,
        judgements.n_silent_days,
        case judgements.alert
            when 'silence' then judgements.chance_of_silence
            when 'too_few' then judgements.chance_as_few
            else judgements.chance_as_many
        end as chance,
        judgements.greatest_chance,
        judgements.n_series,
        judgements.is_new_alert,
        broken_days.event_date is not null as crosses_coding_break,
        judgements.event_date
    from judgements
    left join broken_days
        on
            judgements.series_key = broken_days.series_key
            and judgements.event_date = broken_days.event_date
)

select * from alerts
