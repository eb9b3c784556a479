with touched as (
    select * from {{ ref('int_purchases_touched') }}
),

merged as (
    select
        customer_key,
        _change_seq
    from touched
    group by customer_key, _change_seq
)

select * from merged
