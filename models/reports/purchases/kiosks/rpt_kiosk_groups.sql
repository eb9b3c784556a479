{% set traits = ['kiosk_group', 'volume_class', 'rhythm'] %}

with profiles as (
    select * from {{ ref('int_kiosks_profiled') }}
    where part = 'all_weeks'
),

agreements as (
    select * from {{ ref('int_kiosk_halves_compared') }}
),

traits as (
    {% for trait in traits -%}
        select
            '{{ trait }}' as trait,
            {{ trait }} as trait_value,
            n_purchases
        from profiles
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

sizes as (
    select
        trait,
        trait_value,
        count(*) as n_kiosks,
        sum(n_purchases) as n_purchases
    from traits
    group by trait, trait_value
    union all
    select
        trait,
        'All' as trait_value,
        count(*) as n_kiosks,
        sum(n_purchases) as n_purchases
    from traits
    group by trait
),

-- For all values, Cohen's kappa: agreement beyond what sizes of groups give by chance.
agreement_shares as (
    select
        agreements.trait,
        agreements.trait_value,
        coalesce(sizes.n_kiosks, 0) as n_kiosks,
        cast(coalesce(sizes.n_purchases, 0) as bigint) as n_purchases,
        cast(agreements.n_judged as bigint) as n_judged,
        cast(agreements.n_agreeing as bigint) as n_agreeing,
        cast(agreements.n_agreeing as double) / agreements.n_judged as agreement_share,
        {{ wilson_bound('agreements.n_agreeing', 'agreements.n_judged', 'low') }}
            as agreement_share_low,
        {{ wilson_bound('agreements.n_agreeing', 'agreements.n_judged', 'high') }}
            as agreement_share_high,
        case
            when agreements.trait_value = 'All'
                then round(
                    (
                        cast(agreements.n_agreeing as double) * agreements.n_judged
                        - agreements.n_product
                    ) / nullif(
                        cast(agreements.n_judged as double) * agreements.n_judged
                        - agreements.n_product, 0
                    ), 9
                )
        end as kappa
    from agreements
    left join sizes
        on
            agreements.trait = sizes.trait
            and agreements.trait_value = sizes.trait_value
)

select * from agreement_shares
