{% set factors = {
    'year_factor': 'years_back',
    'month_factor': 'month_number',
    'weekday_factor': 'weekday_number',
    'holiday_factor': 'is_holiday',
} %}
{% set n_rounds = 6 %}
{% set groupings = {'type': ['event_type'], 'all': []} %}

with event_hours as (
    select * from {{ ref('fct_event_hours') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

deliveries as (
    select
        feed,
        window_start_date,
        covers_to_date,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where status = 'landed' and delivery_mode = 'window'
),

counted as (
    select
        feed,
        case when grouping(event_type) = 0 then event_type else 'All' end as event_type,
        event_date,
        sum(n_events) as n_events
    from event_hours
    group by {{ grouped_by_dimension(groupings, ['feed', 'event_date']) }} -- noqa: PRS
),

event_types as (
    select
        feed,
        event_type
    from counted
    group by feed, event_type
),

-- The first and the last day of a feed may be incomplete.
spans as (
    select
        feed,
        {{ dbt.dateadd('day', 1, 'min(event_date)') }} as first_date,
        {{ dbt.dateadd('day', -1, 'max(event_date)') }} as last_date
    from event_hours
    group by feed
),

-- Whole files of a window cover known days; files that only add cover all days between
-- the first and the last.
days as (
    select
        spans.feed,
        dates.calendar_date as event_date,
        dates.month_number,
        dates.weekday_number,
        dates.is_holiday,
        cast(floor(
            {{ dbt.datediff('dates.calendar_date', 'spans.last_date', 'day') }}
            / 365.25
        ) as integer) as years_back
    from spans
    inner join dates
        on
            spans.first_date <= dates.calendar_date
            and spans.last_date >= dates.calendar_date
    where
        spans.feed not in (select deliveries.feed from deliveries)
        or exists (
            select 1
            from deliveries
            where
                deliveries.feed = spans.feed
                and deliveries.window_start_date < dates.calendar_date
                and coalesce(deliveries.covers_to_date >= dates.calendar_date, true)
                and deliveries.as_of_date > dates.calendar_date
        )
),

-- The fit of a log-linear Poisson model with these factors: its expected counts have
-- the sums of the counts by each factor. Each step brings one factor's sums about, and
-- round after round all of them. Sums are of decimals, which no order changes.
round_0_holiday_factor as (
    select
        days.*,
        event_types.event_type,
        {% for factor in factors -%}
            cast(1 as double) as {{ factor }},
        {% endfor -%}
        cast(coalesce(counted.n_events, 0) as bigint) as n_events
    from days
    inner join event_types on days.feed = event_types.feed
    left join counted
        on
            days.feed = counted.feed
            and days.event_date = counted.event_date
            and event_types.event_type = counted.event_type
),

-- noqa: disable=LT02
{% set previous = namespace(step='round_0_holiday_factor') -%}
{% for number in range(1, n_rounds + 1) -%}
{% for factor, level in factors.items() -%}
round_{{ number }}_{{ factor }} as {{ materialized() }} (
    select
        feed,
        event_type,
        event_date,
        n_events,
        {{ factors.values() | join(', ') }},
        {% for other in factors if other != factor -%}
            {{ other }},
        {% endfor -%}
        coalesce({{ factor }} * sum(n_events) over (
            partition by feed, event_type, {{ level }}
        ) / nullif({{ exact_sum(
            factors.keys() | join(' * '),
            over='(partition by feed, event_type, ' ~ level ~ ')'
        ) }}, 0), 0) as {{ factor }}
    from {{ previous.step }}
),

{% set previous.step = 'round_' ~ number ~ '_' ~ factor -%}
{% endfor -%}
{% endfor -%}

-- noqa: enable=LT02
fitted as (
    select
        feed,
        event_type,
        years_back,
        n_events,
        round({{ factors.keys() | join(' * ') }}, 9) as n_expected_events,
        {% for factor in factors if factor != 'year_factor' -%}
            round({{ factor }} * count(*) over (
                partition by feed, event_type
            ) / nullif({{ exact_sum(
                factor, over='(partition by feed, event_type)'
            ) }}, 0), 9) as {{ factor }},
        {% endfor -%}
        is_holiday,
        event_date
    from {{ previous.step }}
)

select * from fitted
