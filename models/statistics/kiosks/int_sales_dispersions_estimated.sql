with selling_days as (
    select * from {{ ref('fct_selling_days') }}
),

paces as (
    select * from {{ ref('int_sales_paces_measured') }}
),

selling_days_with_pace as (
    select
        selling_days.subject,
        selling_days.subject_id,
        selling_days.n_sales,
        paces.pace
    from selling_days
    inner join paces on selling_days.purchase_date = paces.calendar_date
),

-- Pearson's chi-squared by its degrees of freedom, against sales in step with the pace.
dispersions as (
    select
        subject,
        subject_id,
        greatest(coalesce(
            (
                {{ exact_sum('n_sales * n_sales / nullif(pace, 0)') }}
                * sum(pace) / sum(n_sales)
                - sum(n_sales)
            ) / nullif(count(*) - 1, 0),
            1
        ), 1) as dispersion
    from selling_days_with_pace
    group by subject, subject_id
)

select * from dispersions
