with close_days as (
    select * from {{ ref('fct_request_close_days') }}
    where is_mass_close
),

request_types as (
    select * from {{ ref('dim_request_types') }}
),

totals as (
    select
        request_type_key,
        sum(n_closes) as n_closes
    from {{ ref('fct_request_close_days') }}
    group by request_type_key
),

joined as (
    select
        close_days.request_type_key,
        request_types.agency,
        request_types.request_type,
        close_days.n_closes,
        close_days.n_late_closes,
        close_days.ordinary_n_late_closes,
        close_days.n_late_closes / close_days.ordinary_n_late_closes
            as times_ordinary_late_closes,
        close_days.chance_share,
        close_days.n_closes / cast(totals.n_closes as double) as share_of_all_closes,
        close_days.closed_date,
        close_days.first_request_date
    from close_days
    inner join request_types
        on close_days.request_type_key = request_types.request_type_key
    inner join totals
        on close_days.request_type_key = totals.request_type_key
)

select * from joined
