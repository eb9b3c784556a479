with purchases as (
    select * from {{ ref('fct_purchases') }}
),

kiosks as (
    select
        {{ surrogate_key(['kiosk_id']) }} as kiosk_key,
        kiosk_id,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from purchases
    group by kiosk_id
)

select * from kiosks
