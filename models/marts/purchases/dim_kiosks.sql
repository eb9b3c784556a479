with selling_days as (
    select * from {{ ref('fct_selling_days') }}
    where subject = 'kiosk'
),

kiosks as (
    select
        {{ surrogate_key(['subject_id']) }} as kiosk_key,
        subject_id as kiosk_id,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from selling_days
    group by subject_id
)

select * from kiosks
