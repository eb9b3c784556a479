with profiles as (
    select * from {{ ref('int_kiosks_profiled') }}
),

kiosk_products as (
    select * from {{ ref('int_kiosk_products_shrunk') }}
    where n_purchases > 0
),

products as (
    select * from {{ ref('dim_products') }}
),

mixes as (
    select
        kiosk_products.kiosk_id,
        coalesce(products.fc_number, 'Unknown') as fc_number,
        sum(kiosk_products.n_purchases) as n_purchases
    from kiosk_products
    inner join products on kiosk_products.product_id = products.product_id
    group by kiosk_products.kiosk_id, products.fc_number
),

compared as (
    select
        *,
        cast(n_purchases as double) / sum(n_purchases) over (partition by kiosk_id)
            as mix_share,
        cast(sum(n_purchases) over (partition by fc_number) as double)
        / sum(n_purchases) over () as all_share,
        row_number() over (
            partition by kiosk_id order by n_purchases desc, fc_number asc
        ) as mix_rank
    from mixes
),

-- Categories that it sells less of, or not at all, make up the same difference.
mixed as (
    select
        kiosk_id,
        {{ exact_sum('greatest(mix_share - all_share, 0)') }} as mix_difference_share,
        max(case when mix_rank = 1 then fc_number end) as top_category,
        max(case when mix_rank = 1 then mix_share end) as top_category_share
    from compared
    group by kiosk_id
),

halves as (
    select
        kiosk_id,
        count(*) = 2 and min(kiosk_group) = max(kiosk_group) as has_stable_group
    from profiles
    where part <> 'all_weeks'
    group by kiosk_id
),

joined as (
    select
        profiles.kiosk_key,
        profiles.kiosk_id,
        profiles.volume_class,
        profiles.rhythm,
        profiles.kiosk_group,
        mixed.top_category,
        profiles.n_purchases,
        profiles.n_active_days,
        profiles.purchases_per_active_day,
        {% for kind in ['late', 'weekend', 'regular'] -%}
            cast(profiles.n_{{ kind }}_purchases as double)
            / nullif(profiles.n_purchases, 0) as {{ kind }}_share,
            {{ wilson_bound(
                'profiles.n_' ~ kind ~ '_purchases', 'profiles.n_purchases', 'low'
            ) }} as {{ kind }}_share_low,
            {{ wilson_bound(
                'profiles.n_' ~ kind ~ '_purchases', 'profiles.n_purchases', 'high'
            ) }} as {{ kind }}_share_high,
        {% endfor -%}
        round(mixed.top_category_share, 9) as top_category_share,
        round(mixed.mix_difference_share, 9) as mix_difference_share,
        coalesce(halves.has_stable_group, false) as has_stable_group
    from profiles
    left join mixed on profiles.kiosk_id = mixed.kiosk_id
    left join halves on profiles.kiosk_id = halves.kiosk_id
    where profiles.part = 'all_weeks'
)

select * from joined
