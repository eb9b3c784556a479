{% set factors = {
    'year_factor': 'years_back',
    'month_factor': 'month_number',
    'weekday_factor': 'weekday_number',
    'holiday_factor': 'is_holiday',
} %}
{% set n_rounds = 6 %}
{% set groupings = {'type': ['event_type'], 'all': []} %}
{% set also = ['feed', 'vintage', 'event_date'] %}

with event_hours as (
    select * from {{ ref('fct_event_hours') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

observed_days as (
    select * from {{ ref('fct_observed_days') }}
),

-- One vintage gives all rates of a feed: the one with most events on the days
-- that it saw whole.
ranked_vintages as (
    select
        observed_days.feed,
        observed_days.vintage,
        row_number() over (
            partition by observed_days.feed
            order by sum(event_hours.n_events) desc, observed_days.vintage asc
        ) as vintage_rank
    from observed_days
    inner join event_hours
        on
            observed_days.feed = event_hours.feed
            and observed_days.vintage = event_hours.vintage
            and observed_days.event_date = event_hours.event_date
    group by observed_days.feed, observed_days.vintage
),

counted as (
    select
        feed,
        vintage,
        case when grouping(event_type) = 0 then event_type else 'All' end as event_type,
        event_date,
        sum(n_events) as n_events
    from event_hours
    group by {{ grouped_by_dimension(groupings, also) }} -- noqa: PRS
),

days as (
    select
        observed_days.feed,
        observed_days.vintage,
        observed_days.event_date,
        dates.month_number,
        dates.weekday_number,
        dates.is_holiday,
        cast(floor(
            {{ dbt.datediff(
                'observed_days.event_date',
                'max(observed_days.event_date) over (partition by observed_days.feed)',
                'day'
            ) }} / 365.25
        ) as integer) as years_back
    from observed_days
    inner join ranked_vintages
        on
            observed_days.feed = ranked_vintages.feed
            and observed_days.vintage = ranked_vintages.vintage
            and ranked_vintages.vintage_rank = 1
    inner join dates on observed_days.event_date = dates.calendar_date
),

event_types as (
    select
        feed,
        vintage,
        event_type
    from counted
    group by feed, vintage, event_type
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
    inner join event_types
        on days.feed = event_types.feed and days.vintage = event_types.vintage
    left join counted
        on
            days.feed = counted.feed
            and days.vintage = counted.vintage
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
        vintage,
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
        vintage,
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
