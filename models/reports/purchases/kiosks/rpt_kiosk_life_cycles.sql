with kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

silences as (
    select * from {{ ref('int_kiosk_silences_counted') }}
),

spans as (
    select max(last_purchase_date) as last_date
    from kiosks
),

trends as (
    select * from {{ ref('int_kiosk_trends_estimated') }}
),

sales as (
    select
        kiosk_id,
        cast(sum(n_purchases) as bigint) as n_purchases,
        cast(sum(n_visits) as bigint) as n_visits,
        count(*) as n_days,
        count(case when is_active then 1 end) as n_active_days,
        count(case when n_visits > 0 then 1 end) as n_selling_days
    from kiosk_days
    group by kiosk_id
),

-- Phi(-z) is less than exp(-z * z / 2) / 2.
trends_tested as (
    select
        *,
        trend_z < 0
        and 0.5 * exp(-trend_z * trend_z / 2) < 0.01 / count(*) over ()
        and weekly_change_share * (n_weeks - 1) <= -0.2 as is_falling
    from trends
),

life_cycles as (
    select
        kiosks.kiosk_key,
        kiosks.kiosk_id,
        case
            when silences.n_last_silent_days >= 28 then 'closed'
            when silences.n_last_silent_days is not null then 'paused'
            when coalesce(trends_tested.is_falling, false) then 'declining'
            when sales.n_visits < 10 then 'unknown'
            else 'open'
        end as kiosk_state,
        sales.n_purchases,
        sales.n_visits,
        sales.n_active_days,
        sales.n_selling_days,
        silences.n_pauses,
        silences.n_paused_days,
        silences.n_outages,
        round(cast(sales.n_purchases as double) / nullif(sales.n_active_days, 0), 6)
            as purchases_per_active_day,
        coalesce(trends_tested.n_weeks, 0) as n_trend_weeks,
        trends_tested.kendall_tau_a,
        trends_tested.trend_z,
        trends_tested.weekly_change_share,
        true as is_inferred,
        case when silences.was_opened then kiosks.first_purchase_date end
            as opened_date,
        silences.last_pause_date,
        case when silences.n_last_silent_days >= 28 then kiosks.last_purchase_date end
            as closed_date,
        silences.opening_detectable_date as opening_told_from_date,
        -- A closing is only called so after 28 days.
        cast(
            case
                when silences.closing_detectable_date is not null
                    then least(
                        silences.closing_detectable_date,
                        {{ dbt.dateadd('day', -28, 'spans.last_date') }}
                    )
            end as date
        ) as closing_told_until_date,
        kiosks.first_purchase_date,
        kiosks.last_purchase_date
    from kiosks
    inner join sales on kiosks.kiosk_id = sales.kiosk_id
    inner join silences on kiosks.kiosk_id = silences.kiosk_id
    cross join spans
    left join trends_tested on kiosks.kiosk_id = trends_tested.kiosk_id
)

select * from life_cycles
