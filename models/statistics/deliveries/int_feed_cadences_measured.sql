{% set n_gaps = 20 %}

with deliveries as (
    select * from {{ ref('int_delivery_gaps_measured') }}
),

deliveries_by_newness as (
    select
        *,
        row_number() over (
            partition by feed, days_since_previous is null
            order by as_of_at desc, _delivery_seq desc
        ) as newness
    from deliveries
),

-- The usual gap, by the last ones; those of years ago may have been others.
cadences as (
    select
        feed,
        {% for name, statistic in {
            'n_gaps': 'count', 'median_days_between': 'median',
            'longest_days_between': 'max'
        }.items() -%}
            {{ statistic }}(
                case when newness <= {{ n_gaps }} then days_since_previous end
            ) as {{ name }},
        {% endfor -%}
        max(as_of_at) as last_as_of_at
    from deliveries_by_newness
    group by feed
)

select * from cadences
