with silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'kiosk'
),

silences_by_length as (
    select
        subject_id as kiosk_id,
        kind,
        n_silent_days,
        first_silent_date,
        detectable_date,
        is_beyond_chance,
        kind = 'between_sales' and is_beyond_chance and n_silent_days >= 7 as is_pause,
        kind = 'between_sales' and is_beyond_chance and n_silent_days < 7 as is_outage
    from silences
),

silences_by_kiosk as (
    select
        kiosk_id,
        count(case when is_beyond_chance and kind = 'before_first_sale' then 1 end) > 0
            as was_opened,
        max(
            case
                when is_beyond_chance and kind = 'since_last_sale' then n_silent_days
            end
        ) as n_last_silent_days,
        count(case when is_pause then 1 end) as n_pauses,
        cast(coalesce(sum(case when is_pause then n_silent_days end), 0) as bigint)
            as n_paused_days,
        count(case when is_outage then 1 end) as n_outages,
        max(case when is_pause then first_silent_date end) as last_pause_date,
        max(case when kind = 'before_first_sale' then detectable_date end)
            as opening_detectable_date,
        max(case when kind = 'since_last_sale' then detectable_date end)
            as closing_detectable_date
    from silences_by_length
    group by kiosk_id
)

select * from silences_by_kiosk
