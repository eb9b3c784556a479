{% set traits = ['kiosk_group', 'volume_class', 'rhythm'] %}

with profiles as (
    select * from {{ ref('int_kiosks_profiled') }}
),

halves as (
    {% for trait in traits -%}
        select
            '{{ trait }}' as trait,
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

label_counts as (
    select
        trait,
        trait_value,
        sum(n_odd) as n_odd,
        sum(n_even) as n_even,
        sum(n_both) as n_both,
        cast(sum(n_odd) as double) * sum(n_even) as n_product
    from labels
    group by trait, trait_value
),

-- Kiosks that have the value in either half; all kiosks that have both halves.
agreements as (
    select
        trait,
        trait_value,
        n_odd + n_even - n_both as n_judged,
        n_both as n_agreeing,
        n_product
    from label_counts
    union all
    select
        trait,
        'All' as trait_value,
        sum(n_odd) as n_judged,
        sum(n_both) as n_agreeing,
        sum(n_product) as n_product
    from label_counts
    group by trait
)

select * from agreements
