with visits as (
    select
        customer_key,
        12 * extract(year from visit_date) + extract(month from visit_date)
            as visit_month_number
    from {{ ref('fct_visits') }}
),

card_uses as (
    select
        customer_key,
        is_shared_card,
        substring(cast(first_visit_date as varchar), 1, 7) as cohort_month,
        12 * extract(year from first_visit_date)
        + extract(month from first_visit_date) as cohort_month_number
    from {{ ref('fct_card_uses') }}
),

-- A month is over when something was bought in a later one.
last_month as (
    select
        max(
            12 * extract(year from purchase_date) + extract(month from purchase_date)
        ) as month_number
    from {{ ref('fct_purchases') }}
),

{{ card_groups() }},

cohorts_counted as (
    select
        is_shared_card,
        cohort_month,
        cohort_month_number,
        count(*) as n_cards
    from card_uses
    group by is_shared_card, cohort_month, cohort_month_number
),

cohorts as (
    select
        card_groups.has_shared_cards,
        cohorts_counted.cohort_month,
        cohorts_counted.cohort_month_number,
        cast(sum(cohorts_counted.n_cards) as bigint) as n_cards
    from cohorts_counted
    inner join card_groups
        on card_groups.has_shared_cards or not cohorts_counted.is_shared_card
    group by
        card_groups.has_shared_cards, cohorts_counted.cohort_month,
        cohorts_counted.cohort_month_number
),

cells as (
    select
        cohorts.*,
        {{ whole_numbers_between(
            '0', 'last_month.month_number - cohorts.cohort_month_number'
        ) }} as months_after,
        last_month.month_number as last_month_number,
        min(cohorts.cohort_month_number) over () as first_month_number
    from cohorts
    cross join last_month
),

active_months as (
    select
        customer_key,
        visit_month_number
    from visits
    group by customer_key, visit_month_number
),

active_counted as (
    select
        card_uses.is_shared_card,
        card_uses.cohort_month,
        active_months.visit_month_number - card_uses.cohort_month_number
            as months_after,
        count(*) as n_active
    from active_months
    inner join card_uses on active_months.customer_key = card_uses.customer_key
    group by
        card_uses.is_shared_card, card_uses.cohort_month,
        active_months.visit_month_number - card_uses.cohort_month_number
),

active as (
    select
        card_groups.has_shared_cards,
        active_counted.cohort_month,
        active_counted.months_after,
        sum(active_counted.n_active) as n_active
    from active_counted
    inner join card_groups
        on card_groups.has_shared_cards or not active_counted.is_shared_card
    group by
        card_groups.has_shared_cards, active_counted.cohort_month,
        active_counted.months_after
),

joined as (
    select
        cells.has_shared_cards,
        cells.cohort_month,
        cells.months_after,
        cells.n_cards,
        cast(coalesce(active.n_active, 0) as bigint) as n_active,
        cells.cohort_month_number + cells.months_after < cells.last_month_number
            as is_whole,
        cells.cohort_month_number = cells.first_month_number as is_first_cohort
    from cells
    left join active
        on
            cells.has_shared_cards = active.has_shared_cards
            and cells.cohort_month = active.cohort_month
            and cells.months_after = active.months_after
),

shared as (
    select
        has_shared_cards,
        cohort_month,
        months_after,
        n_cards,
        n_active,
        case when is_whole then cast(n_active as double) / n_cards end
            as retention_share,
        case when is_whole then {{ wilson_bound('n_active', 'n_cards', 'low') }} end
            as retention_share_low,
        case when is_whole then {{ wilson_bound('n_active', 'n_cards', 'high') }} end
            as retention_share_high,
        is_whole,
        is_first_cohort
    from joined
)

select * from shared
