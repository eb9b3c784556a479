{% set n_weeks = 26 %}

with kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

spans as (
    select
        min(first_purchase_date) as first_date,
        max(last_purchase_date) as last_date
    from kiosks
),

-- The kiosks that were there all the time: what kiosks on the whole did on a day.
panel_days as (
    select
        kiosk_days.calendar_date,
        cast(sum(kiosk_days.n_visits) as double) as pace
    from kiosk_days
    inner join kiosks on kiosk_days.kiosk_id = kiosks.kiosk_id
    cross join spans
    where
        kiosks.first_purchase_date < {{ dbt.dateadd('day', 28, 'spans.first_date') }}
        and kiosks.last_purchase_date > {{ dbt.dateadd('day', -28, 'spans.last_date') }}
    group by kiosk_days.calendar_date
),

-- Weeks of seven days, back from the last day that is over.
numbered as (
    select
        kiosk_days.kiosk_id,
        kiosk_days.n_visits,
        panel_days.pace,
        cast(floor((
            {{ dbt.datediff('kiosk_days.calendar_date', 'spans.last_date', 'day') }}
            - 1
        ) / 7.0) as integer) as weeks_back
    from kiosk_days
    inner join panel_days on kiosk_days.calendar_date = panel_days.calendar_date
    cross join spans
    where
        kiosk_days.is_active
        and kiosk_days.calendar_date < spans.last_date
),

weeks as (
    select
        kiosk_id,
        weeks_back,
        sum(n_visits) as n_visits,
        cast(sum(n_visits) as double) / nullif(sum(pace), 0) as relative_sales
    from numbered
    where weeks_back < {{ n_weeks }}
    group by kiosk_id, weeks_back
),

-- Mann and Kendall: of two weeks, is the later one lower? And Theil and Sen's slope.
pairs as (
    select
        later.kiosk_id,
        sign(later.relative_sales - earlier.relative_sales) as direction,
        (later.relative_sales - earlier.relative_sales)
        / (earlier.weeks_back - later.weeks_back) as slope
    from weeks as later
    inner join weeks as earlier
        on
            later.kiosk_id = earlier.kiosk_id
            and later.weeks_back < earlier.weeks_back
),

paired as (
    select
        kiosk_id,
        sum(direction) as score,
        count(*) as n_pairs,
        median(slope) as slope_per_week
    from pairs
    group by kiosk_id
),

ties as (
    select
        kiosk_id,
        relative_sales,
        count(*) as n_tied
    from weeks
    group by kiosk_id, relative_sales
),

varied as (
    select
        kiosk_id,
        sum(n_tied) as n_weeks,
        (
            sum(n_tied) * (sum(n_tied) - 1) * (2 * sum(n_tied) + 5)
            - sum(n_tied * (n_tied - 1) * (2 * n_tied + 5))
        ) / 18.0 as score_variance
    from ties
    group by kiosk_id
),

levels as (
    select
        kiosk_id,
        sum(n_visits) as n_visits,
        median(relative_sales) as median_relative_sales
    from weeks
    group by kiosk_id
),

tested as (
    select
        kiosks.kiosk_key,
        kiosks.kiosk_id,
        cast(varied.n_weeks as integer) as n_weeks,
        cast(levels.n_visits as bigint) as n_visits,
        round(paired.score / paired.n_pairs, 9) as kendall_tau_a,
        case
            when varied.score_variance > 0
                then round(
                    (paired.score - sign(paired.score)) / sqrt(varied.score_variance), 9
                )
        end as trend_z,
        {{ round_signed(
            'paired.slope_per_week / nullif(levels.median_relative_sales, 0)', 9
        ) }} as weekly_change_share
    from kiosks
    inner join levels on kiosks.kiosk_id = levels.kiosk_id
    inner join varied on kiosks.kiosk_id = varied.kiosk_id
    inner join paired on kiosks.kiosk_id = paired.kiosk_id
)

select * from tested
