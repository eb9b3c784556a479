{% set n_selling_days = 20 %}

with selling_days as (
    select * from {{ ref('fct_selling_days') }}
),

paces as (
    select * from {{ ref('int_sales_paces_measured') }}
),

dispersions as (
    select * from {{ ref('int_sales_dispersions_estimated') }}
),

spans as (
    select
        min(calendar_date) as first_date,
        max(calendar_date) as last_date,
        max(pace_so_far) as pace_of_all_days
    from paces
),

-- Sales on the selling days up to this one, and from this one on, and the pace in the
-- same time: a rate of its time, because kiosks grow and decline.
paced_days as (
    select
        selling_days.subject,
        selling_days.subject_id,
        selling_days.purchase_date,
        paces.pace_until,
        paces.pace_so_far,
        row_number() over selling as day_number,
        lead(selling_days.purchase_date) over selling as next_date,
        lead(paces.pace_until) over selling as next_pace_until,
        sum(selling_days.n_sales) over last_days as n_before,
        paces.pace_so_far - min(paces.pace_until) over last_days as pace_before,
        sum(selling_days.n_sales) over next_days as n_after,
        max(paces.pace_so_far) over next_days - paces.pace_until as pace_after
    from selling_days
    inner join paces on selling_days.purchase_date = paces.calendar_date
    window
        selling as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
        ),
        last_days as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
            rows between {{ n_selling_days - 1 }} preceding and current row
        ),
        next_days as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
            rows between current row and {{ n_selling_days - 1 }} following
        )
),

gaps as (
    select
        paced_days.subject,
        paced_days.subject_id,
        'before_first_sale' as kind,
        cast(null as bigint) as n_before,
        cast(null as double) as pace_before,
        paced_days.n_after,
        paced_days.pace_after,
        paced_days.pace_until as silent_pace,
        spans.first_date as first_silent_date,
        {{ dbt.dateadd('day', -1, 'paced_days.purchase_date') }} as last_silent_date
    from paced_days
    cross join spans
    where paced_days.day_number = 1
    union all
    select
        paced_days.subject,
        paced_days.subject_id,
        case
            when paced_days.next_date is null then 'since_last_sale'
            else 'between_sales'
        end as kind,
        paced_days.n_before,
        paced_days.pace_before,
        lead(paced_days.n_after) over selling as n_after,
        lead(paced_days.pace_after) over selling as pace_after,
        coalesce(paced_days.next_pace_until, spans.pace_of_all_days)
        - paced_days.pace_so_far as silent_pace,
        {{ dbt.dateadd('day', 1, 'paced_days.purchase_date') }} as first_silent_date,
        coalesce({{ dbt.dateadd('day', -1, 'paced_days.next_date') }}, spans.last_date)
            as last_silent_date
    from paced_days
    cross join spans
    window selling as (
        partition by paced_days.subject, paced_days.subject_id
        order by paced_days.purchase_date
    )
),

gaps_with_dispersion as (
    select
        gaps.*,
        dispersions.dispersion
    from gaps
    inner join dispersions
        on
            gaps.subject = dispersions.subject
            and gaps.subject_id = dispersions.subject_id
    where
        gaps.kind <> 'between_sales'
        or gaps.first_silent_date <= gaps.last_silent_date
)

select * from gaps_with_dispersion
