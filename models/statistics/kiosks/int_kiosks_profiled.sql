with kiosk_parts as (
    select * from {{ ref('int_kiosk_traits_counted') }}
),

shares as (
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
    from kiosk_parts
),

classes as (
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
    from shares
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
    from classes
)

select * from profiles
