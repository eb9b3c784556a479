{% set n_regular = 10 %}
{% set groupings = {'part': ['active_days.part'], 'all': []} %}
{% set kiosk = ['active_days.kiosk_key', 'active_days.kiosk_id'] %}

with purchases as (
    select * from {{ ref('fct_purchases') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
    where is_known
),

dates as (
    select * from {{ ref('dim_dates') }}
),

times_of_day as (
    select * from {{ ref('dim_times_of_day') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

-- Every other week: two halves with the same seasons.
weeks as (
    select
        calendar_date,
        is_weekend,
        case when iso_week % 2 = 1 then 'odd_weeks' else 'even_weeks' end as part
    from dates
),

card_hours as (
    select
        purchases.kiosk_id,
        purchases.customer_key,
        purchases.purchase_hour,
        purchases.purchase_date,
        count(*) as n_purchases
    from purchases
    group by
        purchases.kiosk_id, purchases.customer_key, purchases.purchase_hour,
        purchases.purchase_date
),

marked_hours as (
    select
        card_hours.*,
        coalesce(customers.is_known, false) and sum(card_hours.n_purchases) over (
            partition by card_hours.kiosk_id, card_hours.customer_key
        ) >= {{ n_regular }} as is_regular
    from card_hours
    left join customers on card_hours.customer_key = customers.customer_key
),

sales as (
    select
        marked_hours.kiosk_id,
        weeks.part,
        sum(marked_hours.n_purchases) as n_purchases,
        sum(
            case
                when times_of_day.day_part in ('Evening', 'Night')
                    then marked_hours.n_purchases
                else 0
            end
        ) as n_late,
        sum(case when weeks.is_weekend then marked_hours.n_purchases else 0 end)
            as n_weekend,
        sum(case when marked_hours.is_regular then marked_hours.n_purchases else 0 end)
            as n_regular
    from marked_hours
    inner join weeks on marked_hours.purchase_date = weeks.calendar_date
    inner join times_of_day on marked_hours.purchase_hour = times_of_day.hour_of_day
    group by marked_hours.kiosk_id, weeks.part
),

active_days as (
    select
        kiosk_days.kiosk_key,
        kiosk_days.kiosk_id,
        weeks.part,
        count(*) as n_active_days
    from kiosk_days
    inner join weeks on kiosk_days.calendar_date = weeks.calendar_date
    where kiosk_days.is_active
    group by kiosk_days.kiosk_key, kiosk_days.kiosk_id, weeks.part
),

kiosk_parts as (
    select
        active_days.kiosk_key,
        active_days.kiosk_id,
        coalesce(active_days.part, 'all_weeks') as part,
        sum(active_days.n_active_days) as n_active_days,
        coalesce(sum(sales.n_purchases), 0) as n_purchases,
        coalesce(sum(sales.n_late), 0) as n_late,
        coalesce(sum(sales.n_weekend), 0) as n_weekend,
        coalesce(sum(sales.n_regular), 0) as n_regular
    from active_days
    left join sales
        on
            active_days.kiosk_id = sales.kiosk_id
            and active_days.part = sales.part
    group by {{ grouped_by_dimension(groupings, kiosk) }} -- noqa: PRS
)

select * from kiosk_parts
