with purchases as (
    select * from {{ ref('fct_purchases') }}
),

times_of_day as (
    select * from {{ ref('dim_times_of_day') }}
),

counted_locally as (
    select
        purchase_hour,
        count(*) as n_purchases
    from purchases
    group by purchase_hour
),

counted_in_utc as (
    select
        purchase_hour_utc,
        count(*) as n_purchases
    from purchases
    group by purchase_hour_utc
),

joined as (
    select
        times_of_day.hour_of_day,
        times_of_day.day_part,
        times_of_day.published_day_part,
        coalesce(counted_locally.n_purchases, 0) as n_purchases,
        coalesce(counted_in_utc.n_purchases, 0) as n_purchases_utc
    from times_of_day
    left join counted_locally
        on times_of_day.hour_of_day = counted_locally.purchase_hour
    left join counted_in_utc
        on times_of_day.hour_of_day = counted_in_utc.purchase_hour_utc
),

shared as (
    select
        hour_of_day,
        day_part,
        published_day_part,
        n_purchases,
        n_purchases_utc,
        n_purchases / nullif(sum(n_purchases) over (), 0) as purchase_share,
        n_purchases_utc / nullif(sum(n_purchases_utc) over (), 0) as purchase_share_utc
    from joined
)

select * from shared
