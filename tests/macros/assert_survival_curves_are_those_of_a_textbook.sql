-- A returned row is a step of the curves of Freireich and others (1963), remission of
-- leukaemia in weeks with 6-MP and with a placebo, that differs from the printed one.
with patients as (
    select
        '6-MP' as treatment,
        watched_days,
        n_closed,
        n_censored
    from (
        values
        (6, 3, 1), (7, 1, 0), (9, 0, 1), (10, 1, 1), (11, 0, 1), (13, 1, 0), (16, 1, 0),
        (17, 0, 1), (19, 0, 1), (20, 0, 1), (22, 1, 0), (23, 1, 0), (25, 0, 1),
        (32, 0, 2), (34, 0, 1), (35, 0, 1)
    ) as counts (watched_days, n_closed, n_censored) -- noqa: AL05
    union all
    select
        'placebo' as treatment,
        watched_days,
        n_closed,
        0 as n_censored
    from (
        values
        (1, 2), (2, 2), (3, 1), (4, 2), (5, 2), (8, 4), (11, 2), (12, 2), (15, 1),
        (17, 1), (22, 1), (23, 1)
    ) as counts (watched_days, n_closed) -- noqa: AL05
),

survival_steps as (
    {{ survival_steps('patients', ['treatment']) }}
),

printed as (
    select *
    from (
        values
        ('6-MP', 6, 0.8571, 0.6197, 0.9516),
        ('6-MP', 7, 0.8067, 0.5631, 0.9228),
        ('6-MP', 10, 0.7529, 0.5032, 0.8894),
        ('6-MP', 13, 0.6902, 0.4316, 0.8491),
        ('6-MP', 16, 0.6275, 0.3675, 0.8049),
        ('6-MP', 22, 0.5378, 0.2678, 0.7468),
        ('6-MP', 35, 0.4482, 0.1881, 0.6801),
        ('placebo', 1, 0.9048, 0.6700, 0.9753),
        ('placebo', 8, 0.3810, 0.1831, 0.5778),
        ('placebo', 22, 0.0476, 0.0033, 0.1970),
        ('placebo', 23, 0, null, null)
    ) as steps ( -- noqa: AL05
        treatment, watched_days, open_share, open_share_low, open_share_high
    )
),

curve_failures as (
    select
        printed.treatment,
        printed.watched_days
    from printed
    left join survival_steps
        on
            printed.treatment = survival_steps.treatment
            and printed.watched_days = survival_steps.watched_days
    where
        round(survival_steps.open_share, 4) is distinct from printed.open_share
        or round(survival_steps.open_share_low, 4)
        is distinct from printed.open_share_low
        or round(survival_steps.open_share_high, 4)
        is distinct from printed.open_share_high
),

quantiles as (
    select
        treatment,
        {{ survival_quantile('open_share', 0.5) }} as median_days,
        {{ survival_quantile('open_share', 0.1) }} as p90_days,
        {{ survival_quantile('open_share_of_closed', 0.5) }} as median_days_of_closed,
        sum(n_closed) as n_closed
    from survival_steps
    group by treatment
),

quantile_failures as (
    select
        treatment,
        null as watched_days
    from quantiles
    where
        -- Of the nine relapses with 6-MP, five came by week 10.
        (
            treatment = '6-MP'
            and (
                median_days <> 23
                or p90_days is not null
                or median_days_of_closed <> 10
                or n_closed <> 9
            )
        )
        or (
            treatment = 'placebo'
            and (median_days <> 8 or p90_days <> 17 or median_days_of_closed <> 8)
        )
)

select * from curve_failures
union all
select * from quantile_failures
