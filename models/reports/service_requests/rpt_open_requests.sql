{% set bands = {
    'n_open_up_to_7_days': [0, 8],
    'n_open_8_to_30_days': [8, 31],
    'n_open_31_to_90_days': [31, 91],
    'n_open_over_90_days': [91, 1000000],
} %}

with spells as (
    select * from {{ ref('fct_service_request_open_spells') }}
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

bands as (
    {% for band, (from_day, to_day) in bands.items() -%}
        select
            '{{ band }}' as band,
            {{ from_day }} as from_day,
            {{ to_day }} as to_day
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- The days of a stretch on which the request was of an age in the band.
aged as (
    select
        bands.band,
        greatest(
            spells.open_date,
            {{ dbt.dateadd('day', 'bands.from_day', 'spells.request_date') }}
        ) as first_date,
        least(
            coalesce(
                spells.close_date,
                spells.lost_date,
                {{ dbt.dateadd('day', 1, 'bounds.last_date') }}
            ),
            {{ dbt.dateadd('day', 'bands.to_day', 'spells.request_date') }}
        ) as end_date
    from spells
    cross join bands
    cross join bounds
),

changes as (
    select
        cast(first_date as date) as calendar_date,
        band as measure,
        1 as n
    from aged
    where first_date < end_date
    union all
    select
        cast(end_date as date) as calendar_date,
        band as measure,
        -1 as n
    from aged
    where first_date < end_date
    union all
    select
        lost_date as calendar_date,
        'n_lost' as measure,
        1 as n
    from spells
    where lost_date is not null
    union all
    select
        open_date as calendar_date,
        case when is_reopened then 'n_reopened' else 'n_requested' end as measure,
        1 as n
    from spells
    union all
    select
        close_date as calendar_date,
        'n_closed' as measure,
        1 as n
    from spells
    where close_date is not null
),

-- What happened before the first date stands on it.
daily as (
    select
        greatest(changes.calendar_date, bounds.first_date) as calendar_date,
        {% for measure in bands.keys() | list + ['n_lost'] -%}
            sum(case when changes.measure = '{{ measure }}' then changes.n end)
                as {{ measure }},
        {% endfor -%}
        {% for measure in ['n_requested', 'n_reopened', 'n_closed'] -%}
            count(
                case
                    when
                        changes.measure = '{{ measure }}'
                        and changes.calendar_date >= bounds.first_date
                        then 1
                end
            ) as {{ measure }}
            {%- if not loop.last %},{% endif %}
        {% endfor -%}
    from changes
    cross join bounds
    group by greatest(changes.calendar_date, bounds.first_date)
),

summed as (
    select
        dates.calendar_date,
        {% for measure in bands.keys() | list + ['n_lost'] -%}
            cast(coalesce(sum(daily.{{ measure }}) over (
                order by dates.calendar_date
                rows between unbounded preceding and current row
            ), 0) as bigint) as {{ measure }},
        {% endfor -%}
        coalesce(daily.n_requested, 0) as n_requested,
        coalesce(daily.n_reopened, 0) as n_reopened,
        coalesce(daily.n_closed, 0) as n_closed
    from dates
    cross join bounds
    left join daily on dates.calendar_date = daily.calendar_date
    where dates.calendar_date between bounds.first_date and bounds.last_date
),

totalled as (
    select
        calendar_date,
        {{ bands.keys() | join(' + ') }} as n_open,
        {% for measure in bands.keys() -%}
            {{ measure }},
        {% endfor -%}
        n_lost as n_open_when_last_seen,
        n_requested,
        n_reopened,
        n_closed
    from summed
)

select * from totalled
