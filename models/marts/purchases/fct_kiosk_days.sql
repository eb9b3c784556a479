with selling_days as (
    select * from {{ ref('fct_selling_days') }}
    where subject = 'kiosk'
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'kiosk' and is_beyond_chance
),

spans as (
    select
        min(first_purchase_date) as first_date,
        max(last_purchase_date) as last_date
    from kiosks
),

silent_days as (
    select
        subject_id as kiosk_id,
        {{ days_between('first_silent_date', 'last_silent_date') }} as calendar_date
    from silences
),

days as (
    select
        kiosks.kiosk_key,
        kiosks.kiosk_id,
        coalesce(selling_days.n_purchases, 0) as n_purchases,
        coalesce(selling_days.n_sales, 0) as n_visits,
        cast(count(case when silent_days.kiosk_id is null then 1 end) over (
            partition by kiosks.kiosk_id
            order by dates.calendar_date
            rows between unbounded preceding and current row
        ) as integer) as n_active_days_so_far,
        silent_days.kiosk_id is null as is_active,
        dates.calendar_date
    from kiosks
    cross join spans
    inner join dates
        on
            spans.first_date <= dates.calendar_date
            and spans.last_date >= dates.calendar_date
    left join selling_days
        on
            kiosks.kiosk_id = selling_days.subject_id
            and dates.calendar_date = selling_days.purchase_date
    left join silent_days
        on
            kiosks.kiosk_id = silent_days.kiosk_id
            and dates.calendar_date = silent_days.calendar_date
)

select * from days
