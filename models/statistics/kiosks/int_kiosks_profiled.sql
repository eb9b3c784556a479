{% set n_regular = 10 %}
{% set groupings = {'part': ['active.part'], 'all': []} %}
{% set kiosk = ['active.kiosk_key', 'active.kiosk_id'] %}

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
days as (
    select
        calendar_date,
        is_weekend,
        case when iso_week % 2 = 1 then 'odd_weeks' else 'even_weeks' end as part
    from dates
),

counted as (
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

seen as (
    select
        counted.*,
        coalesce(customers.is_known, false) and sum(counted.n_purchases) over (
            partition by counted.kiosk_id, counted.customer_key
        ) >= {{ n_regular }} as is_regular
    from counted
    left join customers on counted.customer_key = customers.customer_key
),

sold as (
    select
        seen.kiosk_id,
        days.part,
        sum(seen.n_purchases) as n_purchases,
        sum(
            case
                when times_of_day.day_part in ('Evening', 'Night')
                    then seen.n_purchases
                else 0
            end
        ) as n_late,
        sum(case when days.is_weekend then seen.n_purchases else 0 end) as n_weekend,
        sum(case when seen.is_regular then seen.n_purchases else 0 end) as n_regular
    from seen
    inner join days on seen.purchase_date = days.calendar_date
    inner join times_of_day on seen.purchase_hour = times_of_day.hour_of_day
    group by seen.kiosk_id, days.part
),

active as (
    select
        kiosk_days.kiosk_key,
        kiosk_days.kiosk_id,
        days.part,
        count(*) as n_active_days
    from kiosk_days
    inner join days on kiosk_days.calendar_date = days.calendar_date
    where kiosk_days.is_active
    group by kiosk_days.kiosk_key, kiosk_days.kiosk_id, days.part
),

parts as (
    select
        active.kiosk_key,
        active.kiosk_id,
        coalesce(active.part, 'all_weeks') as part,
        sum(active.n_active_days) as n_active_days,
        coalesce(sum(sold.n_purchases), 0) as n_purchases,
        coalesce(sum(sold.n_late), 0) as n_late,
        coalesce(sum(sold.n_weekend), 0) as n_weekend,
        coalesce(sum(sold.n_regular), 0) as n_regular
    from active
    left join sold on active.kiosk_id = sold.kiosk_id and active.part = sold.part
    group by {{ grouped_by_dimension(groupings, kiosk) }} -- noqa: PRS
),

compared as (
    select
        *,
        cast(n_purchases as double) / n_active_days as purchases_per_active_day,
        {% for kind in ['late', 'weekend'] -%}
            {{ wilson_bound('n_' ~ kind, 'n_purchases', 'low') }}
                as {{ kind }}_share_low,
            cast(sum(n_{{ kind }}) over (partition by part) as double)
            / nullif(sum(n_purchases) over (partition by part), 0)
                as all_{{ kind }}_share,
        {% endfor -%}
        median(cast(n_purchases as double) / n_active_days) over (partition by part)
            as median_purchases_per_active_day
    from parts
),

classed as (
    select
        *,
        case
            when purchases_per_active_day < 0.5 * median_purchases_per_active_day
                then 'quiet'
            when
                purchases_per_active_day >= 2 * median_purchases_per_active_day
                and purchases_per_active_day > 0
                then 'busy'
            else 'middling'
        end as volume_class,
        case
            when weekend_share_low > 1.25 * all_weekend_share then 'weekend'
            when late_share_low > 1.25 * all_late_share then 'late'
            else 'workday'
        end as rhythm
    from compared
),

profiles as (
    select
        kiosk_key,
        kiosk_id,
        part,
        volume_class,
        rhythm,
        volume_class || ' / ' || rhythm as kiosk_group,
        cast(n_purchases as bigint) as n_purchases,
        cast(n_late as bigint) as n_late_purchases,
        cast(n_weekend as bigint) as n_weekend_purchases,
        cast(n_regular as bigint) as n_regular_purchases,
        cast(n_active_days as integer) as n_active_days,
        round(purchases_per_active_day, 9) as purchases_per_active_day
    from classed
)

select * from profiles
