with selling_days as (
    select * from {{ ref('fct_selling_days') }}
    where subject = 'kiosk'
),

dates as (
    select * from {{ ref('dim_dates') }}
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

spans as (
    select
        min(first_purchase_date) as first_date,
        max(last_purchase_date) as last_date
    from kiosks
),

kiosk_spans as (
    select
        kiosks.kiosk_id,
        kiosks.first_purchase_date < {{ dbt.dateadd('day', 28, 'spans.first_date') }}
        and kiosks.last_purchase_date > {{ dbt.dateadd('day', -28, 'spans.last_date') }}
            as was_always_there
    from kiosks
    cross join spans
),

panels as (
    select count(case when was_always_there then 1 end) > 0 as is_of_panel
    from kiosk_spans
),

-- The sum of all kiosks would grow with each one that opens.
panel_days as (
    select
        selling_days.purchase_date,
        cast(sum(selling_days.n_sales) as double) as pace
    from selling_days
    inner join kiosk_spans on selling_days.subject_id = kiosk_spans.kiosk_id
    cross join panels
    where kiosk_spans.was_always_there or not panels.is_of_panel
    group by selling_days.purchase_date
),

days as (
    select
        dates.calendar_date,
        coalesce(panel_days.pace, 0) as pace,
        sum(coalesce(panel_days.pace, 0)) over (
            order by dates.calendar_date
            rows between unbounded preceding and current row
        ) as pace_so_far,
        panels.is_of_panel
    from dates
    inner join spans
        on
            dates.calendar_date >= spans.first_date
            and dates.calendar_date <= spans.last_date
    cross join panels
    left join panel_days on dates.calendar_date = panel_days.purchase_date
),

paces as (
    select
        calendar_date,
        pace,
        pace_so_far - pace as pace_until,
        pace_so_far,
        is_of_panel
    from days
)

select * from paces
