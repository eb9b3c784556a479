{% set bands = [
    'n_open_up_to_7_days', 'n_open_8_to_30_days', 'n_open_31_to_90_days',
    'n_open_over_90_days',
] %}

with changes as (
    select * from {{ ref('int_open_request_changes_counted') }}
),

deliveries as (
    select * from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

dates as (
    select * from {{ ref('dim_dates') }}
),

bounds as (
    select
        min(window_start_date) as first_date,
        max(cast(as_of_at as date)) as last_date
    from deliveries
),

-- Requests that were open before the first date are added on it.
daily_changes as (
    select
        greatest(changes.calendar_date, bounds.first_date) as calendar_date,
        {% for measure in bands + ['n_lost'] -%}
            sum(case when changes.measure = '{{ measure }}' then changes.n end)
                as {{ measure }},
        {% endfor -%}
        {% for measure in ['n_requested', 'n_reopened', 'n_closed'] -%}
            cast(coalesce(sum(
                case
                    when
                        changes.measure = '{{ measure }}'
                        and changes.calendar_date >= bounds.first_date
                        then changes.n
                end
            ), 0) as bigint) as {{ measure }}
            {%- if not loop.last %},{% endif %}
        {% endfor -%}
    from changes
    cross join bounds
    group by greatest(changes.calendar_date, bounds.first_date)
),

running_totals as (
    select
        dates.calendar_date,
        {% for measure in bands + ['n_lost'] -%}
            cast(coalesce(sum(daily_changes.{{ measure }}) over (
                order by dates.calendar_date
                rows between unbounded preceding and current row
            ), 0) as bigint) as {{ measure }},
        {% endfor -%}
        coalesce(daily_changes.n_requested, 0) as n_requested,
        coalesce(daily_changes.n_reopened, 0) as n_reopened,
        coalesce(daily_changes.n_closed, 0) as n_closed
    from dates
    cross join bounds
    left join daily_changes on dates.calendar_date = daily_changes.calendar_date
    where dates.calendar_date between bounds.first_date and bounds.last_date
),

open_requests as (
    select
        calendar_date,
        {{ bands | join(' + ') }} as n_open,
        {% for measure in bands -%}
            {{ measure }},
        {% endfor -%}
        n_lost as n_open_when_last_seen,
        n_requested,
        n_reopened,
        n_closed
    from running_totals
)

select * from open_requests
