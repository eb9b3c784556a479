-- What is reported later than so many days after the accident counts as never reported;
-- delays are learnt from accidents of so many days before the delivery.
{% set n_longest_days = 90 %}
{% set n_learnt_days = 364 %}

with incidents as (
    select * from {{ ref('fct_incidents') }}
),

deliveries as (
    select
        series as vintage,
        max(cast(as_of_at as date)) as as_of_date
    from {{ ref('fct_deliveries') }}
    where feed = 'accidents' and status = 'landed'
    group by series
),

-- Reports up to the evening before the delivery, whose own day may be cut off.
reports as (
    select
        incidents.vintage,
        {{ dbt.datediff('incidents.occurred_date', 'incidents.reported_at', 'day') }}
            as n_days_to_report,
        {{ dbt.datediff('incidents.occurred_date', 'deliveries.as_of_date', 'day') }}
            as n_days_old
    from incidents
    inner join deliveries
        on incidents.vintage = deliveries.vintage
    where cast(incidents.reported_at as date) < deliveries.as_of_date
),

-- An accident enters at its delay, and leaves at its age: longer delays of accidents so
-- young are not yet seen, so that they say nothing of them.
changes as (
    {% for number, change in {'n_days_to_report': 1, 'n_days_old': -1}.items() -%}
        select
            vintage,
            {{ number }} as n_days,
            {{ change }} as n_more
        from reports
        where
            n_days_to_report between 0 and {{ n_longest_days }}
            and n_days_old <= {{ n_learnt_days }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Kaplan and Meier's curve with time turned round: which share is reported within so
-- many days.
steps as (
    select
        vintage,
        n_days,
        sum(case when n_more > 0 then 1 else 0 end) as n_then,
        sum(sum(n_more)) over (partition by vintage order by n_days) as n_so_far
    from changes
    group by vintage, n_days
),

shares as (
    select
        vintage,
        n_days,
        n_then,
        1e0 - cast(n_then as double) / nullif(n_so_far, 0) as share_before
    from steps
    where n_then > 0
),

curves as (
    select
        vintage,
        n_days as n_days_to_report,
        coalesce(
            case when min(share_before) over later = 0 then 0e0 end,
            round(exp(sum(ln(nullif(share_before, 0))) over later), 9),
            1e0
        ) as reported_share
    from shares
    window later as (
        partition by vintage
        order by n_days desc
        rows between unbounded preceding and 1 preceding
    )
)

select * from curves
