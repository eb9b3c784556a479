-- Older than this many days, a request is no fresh work when it is closed.
{% set late_days = 30 %}
-- So many times the ordinary day, and so unlikely by chance, is a mass close.
{% set least_multiple = 5 %}
{% set greatest_chance = '1e-6' %}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn' and days_to_close is not null
),

counted as (
    select
        request_type_key,
        closed_date,
        count(*) as n_closes,
        count(case when days_to_close > {{ late_days }} then 1 end) as n_late_closes,
        min(request_date) as first_request_date
    from requests
    group by request_type_key, closed_date
),

-- A median, so that a mass close does not raise what it is compared with; at least one,
-- so that a few late closes of a type that has none are not called a mass.
ordinary_days as (
    select
        request_type_key,
        cast(greatest(median(n_late_closes), 1) as double) as ordinary_n_late_closes
    from counted
    group by request_type_key
),

-- Chernoff's bound of the Poisson tail: never below the chance of as many or more.
compared as (
    select
        {{ surrogate_key(['counted.request_type_key', 'counted.closed_date']) }}
            as request_close_day_key,
        counted.request_type_key,
        ordinary_days.ordinary_n_late_closes,
        case
            when counted.n_late_closes > ordinary_days.ordinary_n_late_closes
                then exp(
                    counted.n_late_closes
                    - ordinary_days.ordinary_n_late_closes
                    - counted.n_late_closes
                    * ln(counted.n_late_closes / ordinary_days.ordinary_n_late_closes)
                )
            else 1.0
        end as chance_share,
        counted.n_closes,
        counted.n_late_closes,
        counted.closed_date,
        {{ dbt.dateadd('day', -late_days, 'counted.closed_date') }} as late_before_date,
        counted.first_request_date
    from counted
    inner join ordinary_days
        on counted.request_type_key = ordinary_days.request_type_key
),

marked as (
    select
        request_close_day_key,
        request_type_key,
        ordinary_n_late_closes,
        chance_share,
        n_closes,
        n_late_closes,
        (
            n_late_closes >= {{ least_multiple }} * ordinary_n_late_closes
            and chance_share < {{ greatest_chance }}
        ) as is_mass_close,
        closed_date,
        cast(late_before_date as date) as late_before_date,
        first_request_date
    from compared
)

select * from marked
