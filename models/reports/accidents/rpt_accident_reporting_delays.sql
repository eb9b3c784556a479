with incidents as (
    select
        *,
        cast(extract(year from occurred_date) as integer) as occurred_year,
        {{ dbt.datediff('occurred_at', 'reported_at', 'second') }}
            as seconds_to_report
    from {{ ref('fct_incidents') }}
),

measured as (
    select
        vintage,
        occurred_year,
        offense_family,
        case
            when seconds_to_report >= 0 and time_quality <> 'date_only'
                then cast(seconds_to_report as double) / 3600
        end as hours_to_report,
        reported_at is null as has_no_report,
        coalesce(seconds_to_report < 0, false) as has_misstamped_report
    from incidents
),

summarized as (
    select
        vintage,
        occurred_year,
        offense_family,
        count(*) as n_accidents,
        count(hours_to_report) as n_measured,
        count(case when has_no_report then 1 end) as n_without_report,
        count(case when has_misstamped_report then 1 end) as n_misstamped,
        median(hours_to_report) as median_hours_to_report,
        percentile_cont(0.9) within group (order by hours_to_report asc)
            as p90_hours_to_report,
        cast(count(case when hours_to_report > 168 then 1 end) as double)
        / nullif(count(hours_to_report), 0) as late_share,
        count(case when hours_to_report > 168 then 1 end) as n_late
    from measured
    group by vintage, occurred_year, offense_family
),

bounded as (
    select
        vintage,
        occurred_year,
        offense_family,
        n_accidents,
        n_measured,
        n_without_report,
        n_misstamped,
        median_hours_to_report,
        p90_hours_to_report,
        late_share,
        {{ wilson_bound('n_late', 'n_measured', 'low') }} as late_share_low,
        {{ wilson_bound('n_late', 'n_measured', 'high') }} as late_share_high
    from summarized
)

select * from bounded
