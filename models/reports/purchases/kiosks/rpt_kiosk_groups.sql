{% set traits = ['kiosk_group', 'volume_class', 'rhythm'] %}

with profiles as (
    select * from {{ ref('int_kiosks_profiled') }}
),

halves as (
    {% for trait in traits -%}
        select
            '{{ trait }}' as trait,
            odd.kiosk_id,
            odd.{{ trait }} as odd_value,
            even.{{ trait }} as even_value
        from profiles as odd
        inner join profiles as even on odd.kiosk_id = even.kiosk_id
        where odd.part = 'odd_weeks' and even.part = 'even_weeks'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

labels as (
    select
        trait,
        odd_value as trait_value,
        1 as n_odd,
        0 as n_even,
        case when odd_value = even_value then 1 else 0 end as n_both
    from halves
    union all
    select
        trait,
        even_value as trait_value,
        0 as n_odd,
        1 as n_even,
        0 as n_both
    from halves
),

-- How often both halves say the same of kiosks that either says it of.
agreed as (
    select
        trait,
        trait_value,
        sum(n_both) as n_agreeing,
        sum(n_odd) + sum(n_even) - sum(n_both) as n_judged,
        cast(sum(n_odd) as double) * sum(n_even) as n_product
    from labels
    group by trait, trait_value
),

-- Cohen's kappa: agreement beyond what the sizes of the groups bring about.
overall as (
    select
        trait,
        'All' as trait_value,
        cast(count(*) as bigint) as n_judged,
        cast(sum(case when odd_value = even_value then 1 else 0 end) as bigint)
            as n_agreeing
    from halves
    group by trait
),

chances as (
    select
        trait,
        sum(n_product) as n_product
    from agreed
    group by trait
),

sizes as (
    {% for trait in traits -%}
        select
            '{{ trait }}' as trait,
            {{ trait }} as trait_value,
            count(*) as n_kiosks,
            sum(n_purchases) as n_purchases
        from profiles
        where part = 'all_weeks'
        group by {{ trait }}
        union all
        select
            '{{ trait }}' as trait,
            'All' as trait_value,
            count(*) as n_kiosks,
            sum(n_purchases) as n_purchases
        from profiles
        where part = 'all_weeks'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

together as (
    select
        trait,
        trait_value,
        n_judged,
        n_agreeing
    from agreed
    union all
    select
        trait,
        trait_value,
        n_judged,
        n_agreeing
    from overall
),

measured as (
    select
        together.trait,
        together.trait_value,
        coalesce(sizes.n_kiosks, 0) as n_kiosks,
        cast(coalesce(sizes.n_purchases, 0) as bigint) as n_purchases,
        cast(together.n_judged as bigint) as n_judged,
        cast(together.n_agreeing as bigint) as n_agreeing,
        cast(together.n_agreeing as double) / together.n_judged as agreement_share,
        {{ wilson_bound('together.n_agreeing', 'together.n_judged', 'low') }}
            as agreement_share_low,
        {{ wilson_bound('together.n_agreeing', 'together.n_judged', 'high') }}
            as agreement_share_high,
        case
            when together.trait_value = 'All'
                then round(
                    (
                        cast(together.n_agreeing as double) * together.n_judged
                        - chances.n_product
                    ) / nullif(
                        cast(together.n_judged as double) * together.n_judged
                        - chances.n_product, 0
                    ), 9
                )
        end as kappa
    from together
    inner join chances on together.trait = chances.trait
    left join sizes
        on
            together.trait = sizes.trait
            and together.trait_value = sizes.trait_value
)

select * from measured
