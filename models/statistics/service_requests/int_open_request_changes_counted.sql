{% set bands = {
    'n_open_up_to_7_days': [0, 8],
    'n_open_8_to_30_days': [8, 31],
    'n_open_31_to_90_days': [31, 91],
    'n_open_over_90_days': [91, 1000000],
} %}

with spells as (
    select * from {{ ref('fct_service_request_open_spells') }}
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
stretches_by_age as (
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
                {{ dbt.dateadd('day', 'bands.to_day', 'spells.request_date') }}
            ),
            {{ dbt.dateadd('day', 'bands.to_day', 'spells.request_date') }}
        ) as end_date
    from spells
    cross join bands
),

changes as (
    select
        cast(first_date as date) as calendar_date,
        band as measure,
        1 as n
    from stretches_by_age
    where first_date < end_date
    union all
    select
        cast(end_date as date) as calendar_date,
        band as measure,
        -1 as n
    from stretches_by_age
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

changes_by_day as (
    select
        calendar_date,
        measure,
        sum(n) as n
    from changes
    group by calendar_date, measure
)

select * from changes_by_day
