-- A returned row is a vintage whose offense records are not as many one step further.
with fates as (
    select
        vintage,
        count(*) as n_rows,
        count(case when fate = 'current_version' then 1 end) as n_current
    from {{ ref('int_accident_row_fates') }}
    group by vintage
),

raw_rows as (
    select count(*) as n_rows from {{ ref('stg_traffic__accidents') }}
),

facts as (
    select
        vintage,
        count(*) as n_records,
        count(case when record_state = 'withdrawn' then 1 end) as n_withdrawn
    from {{ ref('fct_accidents') }}
    group by vintage
),

report as (
    select
        vintage,
        sum(n_offense_records) as n_records
    from {{ ref('rpt_accidents_by_neighborhood') }}
    group by vintage
),

joined as (
    select
        fates.vintage,
        fates.n_current,
        coalesce(facts.n_records, 0) as n_facts,
        coalesce(facts.n_records - facts.n_withdrawn, 0) as n_to_report,
        coalesce(report.n_records, 0) as n_reported,
        raw_rows.n_rows as n_raw,
        sum(fates.n_rows) over () as n_fates
    from fates
    cross join raw_rows
    left join facts on fates.vintage = facts.vintage
    left join report on fates.vintage = report.vintage
)

select *
from joined
where n_current <> n_facts or n_to_report <> n_reported or n_raw <> n_fates
