with selling_days as (
    select * from {{ ref('fct_selling_days') }}
    where subject = 'kiosk'
),

listed as (
    select * from {{ ref('int_kiosk_info_listed') }}
),

sold as (
    select
        subject_id as kiosk_id,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from selling_days
    group by subject_id
),

kiosks as (
    select
        {{ surrogate_key(['sold.kiosk_id']) }} as kiosk_key,
        sold.kiosk_id,
        sold.first_purchase_date,
        sold.last_purchase_date,
        coalesce(listed.place, 'Unknown') as place,
        coalesce(listed.kind_of_site, 'Unknown') as kind_of_site,
        listed.opened_on,
        listed.capacity
    from sold
    left join listed on sold.kiosk_id = listed.kiosk_id
)

select * from kiosks
