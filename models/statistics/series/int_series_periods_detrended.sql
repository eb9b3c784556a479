with series_days as (
    select * from {{ ref('fct_series_days') }}
    where feed in ('service_requests', 'accidents')
),

-- Numbered so that the next period has the next number: Monday, 3 January 2000, is day
-- 0 and begins week 0.
numbered as (
    select
        *,
        {{ dbt.datediff("cast('2000-01-03' as date)", 'event_date', 'day') }}
            as day_number,
        cast(extract(year from event_date) as integer) * 12
        + cast(extract(month from event_date) as integer) as month_number
    from series_days
),

counted as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        'day' as period,
        cast(day_number as integer) as period_number,
        n_events,
        cast(1 as bigint) as n_days,
        event_date as period_start_date,
        event_date as period_end_date
    from numbered
    union all
    {% for period, number in {
        'week': 'floor(day_number / 7e0)', 'month': 'month_number'
    }.items() -%}
        select
            series_key,
            feed,
            vintage,
            dimension,
            dimension_value,
            '{{ period }}' as period,
            cast({{ number }} as integer) as period_number,
            cast(sum(n_events) as bigint) as n_events,
            count(*) as n_days,
            min(event_date) as period_start_date,
            max(event_date) as period_end_date
        from numbered
        group by
            series_key, feed, vintage, dimension, dimension_value, {{ number }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

whole_periods as (
    select
        *,
        -- A decimal: sums of doubles would hang on the order of rows.
        cast(cast(n_events as double) / n_days as decimal(38, 12)) as events_per_day,
        case period when 'day' then period_number % 7 else 0 end as weekday_number
    from counted
    where
        period = 'day'
        or (period = 'week' and n_days = 7)
        or (
            period = 'month'
            and n_days
            = extract(day from {{ dbt.last_day('period_end_date', 'month') }})
        )
),

-- Of days the same weekday in the four weeks before and after, of weeks the four on
-- either side, of months the two; never the period itself.
compared as (
    select
        *,
        case
            when period = 'month' then sum(events_per_day) over beside_months
            else sum(events_per_day) over beside
        end - events_per_day as events_per_day_beside,
        case
            when period = 'month' then count(*) over beside_months
            else count(*) over beside
        end - 1 as n_beside
    from whole_periods
    window
        beside as (
            partition by series_key, period, weekday_number
            order by period_number
            rows between 4 preceding and 4 following
        ),
        beside_months as (
            partition by series_key, period
            order by period_number
            rows between 2 preceding and 2 following
        )
),

measured as (
    select
        series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        period,
        period_number,
        n_events,
        n_days,
        cast(events_per_day as double) as events_per_day,
        round(cast(events_per_day_beside as double) / n_beside, 9)
            as usual_events_per_day,
        {{ round_signed(
            'cast(events_per_day as double)'
            ~ ' - cast(events_per_day_beside as double) / n_beside', 9
        ) }} as excess_events_per_day,
        period_start_date
    from compared
    where n_beside > 0
)

select * from measured
