with visits as (
    select
        customer_key,
        12 * extract(year from visit_date) + extract(month from visit_date)
            as visit_month_number
    from {{ ref('fct_visits') }}
),

cards as (
    select
        customer_key,
        is_shared_card,
        substring(cast(first_visit_date as varchar), 1, 7) as cohort_month,
        12 * extract(year from first_visit_date)
        + extract(month from first_visit_date) as cohort_month_number
    from {{ ref('dim_cards') }}
),

-- A month is over when something was bought in a later one.
last_month as (
    select
        max(
            12 * extract(year from purchase_date) + extract(month from purchase_date)
        ) as month_number
    from {{ ref('fct_purchases') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

cohorts as (
    select
        has_shared_cards,
        cohort_month,
        cohort_month_number,
        count(*) as n_cards
    from grouped_cards
    group by has_shared_cards, cohort_month, cohort_month_number
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

active as (
    select
        grouped_cards.has_shared_cards,
        grouped_cards.cohort_month,
        active_months.visit_month_number - grouped_cards.cohort_month_number
            as months_after,
        count(*) as n_active
    from active_months
    inner join grouped_cards
        on active_months.customer_key = grouped_cards.customer_key
    group by
        grouped_cards.has_shared_cards, grouped_cards.cohort_month,
        active_months.visit_month_number - grouped_cards.cohort_month_number
),

joined as (
    select
        cells.has_shared_cards,
        cells.cohort_month,
        cells.months_after,
        cells.n_cards,
        coalesce(active.n_active, 0) as n_active,
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
