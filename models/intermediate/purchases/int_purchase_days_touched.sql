with touched as (
    select * from {{ ref('int_purchases_touched') }}
),

-- Purchases are looked up by their date in UTC. No clock is a day off: offsets of more
-- than 14 hours are set aside.
neighbors as (
    select -1 as n_days_off
    union all
    select 0 as n_days_off
    union all
    select 1 as n_days_off
),

days as (
    select
        touched._change_seq,
        {{ dbt.dateadd('day', 'neighbors.n_days_off', 'touched.event_date') }}
            as purchase_date
    from touched
    cross join neighbors
),

merged as (
    select
        cast(purchase_date as date) as purchase_date,
        _change_seq
    from days
    group by purchase_date, _change_seq
)

select * from merged
