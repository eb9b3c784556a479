with kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'kiosk'
),

spans as (
    select max(last_purchase_date) as last_date
    from kiosks
),

trends as (
    select * from {{ ref('int_kiosk_trends_estimated') }}
),

sold as (
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

silent as (
    select
        subject_id as kiosk_id,
        count(case when kind = 'before_first_sale' then 1 end) > 0 as was_opened,
        max(case when kind = 'since_last_sale' then n_silent_days end)
            as n_last_silent_days,
        count(case when kind = 'between_sales' and n_silent_days >= 7 then 1 end)
            as n_pauses,
        coalesce(sum(
            case
                when kind = 'between_sales' and n_silent_days >= 7 then n_silent_days
            end
        ), 0) as n_paused_days,
        count(case when kind = 'between_sales' and n_silent_days < 7 then 1 end)
            as n_outages,
        max(
            case
                when kind = 'between_sales' and n_silent_days >= 7
                    then first_silent_date
            end
        ) as last_pause_date
    from silences
    where is_beyond_chance
    group by subject_id
),

-- Nearer to an end of the data nobody could tell an opening or a closing from chance.
ends as (
    select
        silences.subject_id as kiosk_id,
        max(case when silences.kind = 'before_first_sale' then silences.detectable_date end)
            as opening_told_from_date,
        cast(max(
            case
                when
                    silences.kind = 'since_last_sale'
                    and silences.detectable_date is not null
                    then least(
                        silences.detectable_date,
                        {{ dbt.dateadd('day', -28, 'spans.last_date') }}
                    )
            end
        ) as date) as closing_told_until_date
    from silences
    cross join spans
    group by silences.subject_id
),

-- Phi(-z) is less than exp(-z * z / 2) / 2.
tested as (
    select
        *,
        trend_z < 0
        and 0.5 * exp(-trend_z * trend_z / 2) < 0.01 / count(*) over ()
        and weekly_change_share * (n_weeks - 1) <= -0.2 as is_falling
    from trends
),

joined as (
    select
        kiosks.kiosk_key,
        kiosks.kiosk_id,
        case
            when silent.n_last_silent_days >= 28 then 'closed'
            when silent.n_last_silent_days is not null then 'paused'
            when coalesce(tested.is_falling, false) then 'declining'
            when sold.n_visits < 10 then 'unknown'
            else 'open'
        end as kiosk_state,
        sold.n_purchases,
        sold.n_visits,
        sold.n_active_days,
        sold.n_selling_days,
        coalesce(silent.n_pauses, 0) as n_pauses,
        cast(coalesce(silent.n_paused_days, 0) as bigint) as n_paused_days,
        coalesce(silent.n_outages, 0) as n_outages,
        round(cast(sold.n_purchases as double) / nullif(sold.n_active_days, 0), 6)
            as purchases_per_active_day,
        coalesce(tested.n_weeks, 0) as n_trend_weeks,
        tested.kendall_tau_a,
        tested.trend_z,
        tested.weekly_change_share,
        true as is_inferred,
        case when silent.was_opened then kiosks.first_purchase_date end as opened_date,
        silent.last_pause_date,
        case when silent.n_last_silent_days >= 28 then kiosks.last_purchase_date end
            as closed_date,
        ends.opening_told_from_date,
        ends.closing_told_until_date,
        kiosks.first_purchase_date,
        kiosks.last_purchase_date
    from kiosks
    inner join sold on kiosks.kiosk_id = sold.kiosk_id
    inner join ends on kiosks.kiosk_id = ends.kiosk_id
    left join silent on kiosks.kiosk_id = silent.kiosk_id
    left join tested on kiosks.kiosk_id = tested.kiosk_id
)

select * from joined
