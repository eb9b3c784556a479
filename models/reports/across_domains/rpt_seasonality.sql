{% set z = '1.959963984540054e0' %}
{% set hours_of = {'weekday': ['dated.weekday_number'], 'day': []} %}
{% set also = ['dated.feed', 'dated.event_type', 'event_hours.event_hour'] %}

with days as (
    select * from {{ ref('int_seasonal_factors_fitted') }}
),

event_hours as (
    select * from {{ ref('fct_event_hours') }}
),

dispersions as (
    select * from {{ ref('int_seasonal_dispersions_estimated') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

-- Types of accidents are families of offenses.
coding_breaks as (
    select
        feed,
        vintage,
        case when code_column = 'request_type' then code end as event_type,
        break_date
    from {{ ref('int_coding_breaks_found') }}
    where code_column in ('offense', 'request_type')
),

times_of_day as (
    select * from {{ ref('dim_times_of_day') }}
),

dated as (
    select
        days.*,
        dates.month_name,
        dates.weekday_name,
        dates.year_number,
        dates.month_number,
        dates.weekday_number,
        case when days.is_holiday then 'Holiday' else 'Ordinary day' end
            as holiday_name,
        case when days.is_holiday then 1 else 0 end as holiday_number,
        count(*) over (partition by days.feed, days.event_type, dates.month_start_date)
        < extract(day from {{ dbt.last_day('dates.calendar_date', 'month') }})
            as is_in_partial_month
    from days
    inner join dates on days.event_date = dates.calendar_date
),

by_day as (
    {% for dimension in ['month', 'weekday', 'holiday'] -%}
        select
            feed,
            event_type,
            '{{ dimension }}' as dimension,
            {{ dimension }}_name as period,
            {{ dimension }}_number as period_number,
            sum(n_events) as n_events,
            sum(sum(n_events)) over (partition by feed, event_type) as n_divided_events,
            count(*) as n_days,
            count(distinct year_number) as n_years,
            max({{ dimension }}_factor) as seasonal_index,
            {{ "bool_or(is_in_partial_month)" if dimension == 'month' else 'false' }}
                as has_partial_months
        from dated
        group by feed, event_type, {{ dimension }}_name, {{ dimension }}_number
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Hours are parts of the day as a whole, and of each weekday.
divided as (
    select
        feed,
        event_type,
        'hour' as dimension,
        '' as period_prefix,
        0 as weekday_number,
        count(*) as n_days,
        count(distinct year_number) as n_years,
        1.0 as seasonal_index
    from dated
    group by feed, event_type
    union all
    select
        feed,
        event_type,
        'weekday_and_hour' as dimension,
        period || ' ' as period_prefix,
        period_number as weekday_number,
        n_days,
        n_years,
        seasonal_index
    from by_day
    where dimension = 'weekday'
),

hour_counts as (
    select
        dated.feed,
        dated.event_type,
        coalesce(dated.weekday_number, 0) as weekday_number,
        event_hours.event_hour,
        sum(event_hours.n_events) as n_events
    from dated
    inner join event_hours
        on
            dated.feed = event_hours.feed
            and dated.vintage = event_hours.vintage
            and dated.event_date = event_hours.event_date
            and dated.event_type in ('All', event_hours.event_type)
    where event_hours.event_hour is not null
    group by {{ grouped_by_dimension(hours_of, also) }} -- noqa: PRS
),

by_hour as (
    select
        divided.feed,
        divided.event_type,
        divided.dimension,
        divided.period_prefix
        || lpad(cast(times_of_day.hour_of_day as varchar), 2, '0') as period,
        100 * divided.weekday_number + times_of_day.hour_of_day as period_number,
        coalesce(hour_counts.n_events, 0) as n_events,
        sum(hour_counts.n_events) over divided_hours as n_divided_events,
        divided.n_days,
        divided.n_years,
        divided.seasonal_index * 24.0 * coalesce(hour_counts.n_events, 0)
        / nullif(sum(hour_counts.n_events) over divided_hours, 0) as seasonal_index,
        false as has_partial_months
    from divided
    cross join times_of_day
    left join hour_counts
        on
            divided.feed = hour_counts.feed
            and divided.event_type = hour_counts.event_type
            and divided.weekday_number = hour_counts.weekday_number
            and times_of_day.hour_of_day = hour_counts.event_hour
    window divided_hours as (
        partition by divided.feed, divided.event_type, divided.weekday_number
    )
),

broken_types as (
    select
        dated.feed,
        dated.event_type
    from dated
    inner join coding_breaks
        on
            dated.feed = coding_breaks.feed
            and dated.vintage = coding_breaks.vintage
            and dated.event_date = coding_breaks.break_date
            and dated.event_type
            = coalesce(coding_breaks.event_type, dated.event_type)
    where dated.event_type <> 'All'
    group by dated.feed, dated.event_type
),

together as (
    select * from by_day
    union all
    select * from by_hour
),

-- A month is as sure as its weeks, a weekday as its days: weeks that go up and down as
-- a whole carry all weekdays with them. An hour of a weekday is as sure as the hour
-- among those of the weekday, and the weekday.
scattered as (
    select
        together.*,
        case together.dimension
            when 'month'
                then greatest(dispersions.day_dispersion, dispersions.week_dispersion)
            when 'hour' then dispersions.hour_dispersion
            when 'weekday_and_hour' then dispersions.hour_dispersion
            else dispersions.day_dispersion
        end as dispersion,
        dispersions.day_dispersion,
        broken_types.event_type is not null as crosses_coding_break,
        sum(together.n_events) over (
            partition by together.feed, together.event_type, together.dimension
        ) as n_all_events
    from together
    inner join dispersions
        on
            together.feed = dispersions.feed
            and together.event_type = dispersions.event_type
    left join broken_types
        on
            together.feed = broken_types.feed
            and together.event_type = broken_types.event_type
),

measured as (
    select
        *,
        case
            when n_events > 0
                then sqrt(
                    dispersion * (1.0 / n_events - 1.0 / n_divided_events)
                    + case
                        when n_divided_events = n_all_events then 0
                        else day_dispersion
                    end * (1.0 / n_divided_events - 1.0 / n_all_events)
                )
        end as log_error
    from scattered
),

judged as (
    select
        feed,
        event_type,
        dimension,
        period,
        cast(period_number as integer) as period_number,
        cast(n_events as bigint) as n_events,
        cast(n_days as bigint) as n_days_observed,
        cast(n_years as integer) as n_years,
        round(cast(n_events as double) / n_days, 6) as events_per_day,
        round(seasonal_index, 6) as seasonal_index,
        round(seasonal_index * exp(-{{ z }} * log_error), 6) as seasonal_index_low,
        round(seasonal_index * exp({{ z }} * log_error), 6) as seasonal_index_high,
        round(dispersion, 6) as dispersion,
        has_partial_months,
        dimension = 'month' and n_years = 1 as is_one_year_only,
        crosses_coding_break
    from measured
)

select * from judged
