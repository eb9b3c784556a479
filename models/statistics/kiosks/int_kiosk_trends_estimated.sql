-- By ranks of weeks, whose variance is the same however widely the weeks scatter: a
-- dispersion of the series has no part in it.
with weeks as (
    select * from {{ ref('int_kiosk_weeks_counted') }}
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

-- Mann and Kendall: of two weeks, is the later one lower? And Theil and Sen's slope.
week_pairs as (
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

pair_scores as (
    select
        kiosk_id,
        sum(direction) as score,
        count(*) as n_pairs,
        median(slope) as slope_per_week
    from week_pairs
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

variances as (
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

trends as (
    select
        kiosks.kiosk_key,
        kiosks.kiosk_id,
        cast(variances.n_weeks as integer) as n_weeks,
        cast(levels.n_visits as bigint) as n_visits,
        round(pair_scores.score / pair_scores.n_pairs, 9) as kendall_tau_a,
        case
            when variances.score_variance > 0
                then round((
                    pair_scores.score - sign(pair_scores.score)
                ) / sqrt(variances.score_variance), 9)
        end as trend_z,
        {{ round_signed(
            'pair_scores.slope_per_week / nullif(levels.median_relative_sales, 0)', 9
        ) }} as weekly_change_share
    from kiosks
    inner join levels on kiosks.kiosk_id = levels.kiosk_id
    inner join variances on kiosks.kiosk_id = variances.kiosk_id
    inner join pair_scores on kiosks.kiosk_id = pair_scores.kiosk_id
)

select * from trends
