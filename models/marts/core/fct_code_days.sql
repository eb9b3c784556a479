{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['feed', 'event_date'],
    on_schema_change='fail',
    meta={'event_date': 'event_date', 'touched_in': 'int_event_days_touched'},
) }}
{# Feeds whose events have columns of codes. #}
{% set coded_feeds = [] %}
{% for feed, of in var('events').items() if of.coded -%}
    {% do coded_feeds.append(feed) %}
{%- endfor %}

with {% for feed in coded_feeds -%}
{% set of = var('events')[feed] -%}
{% set by_column = dict() -%}
{% for column in of.coded %}{% do by_column.update({column: [column]}) %}{% endfor -%}
{{ feed }} as (
    select
        {% for column in of.coded -%}
            coalesce(cast({{ column }} as varchar), 'Unknown')
                as {{ column }},
        {% endfor -%}
        {{ of.within or "'main'" }} as vintage,
        {{ of.date }} as event_date
    from {{ ref(of.fact) }}
    where
        {{ "record_state <> 'withdrawn'" if of.has_states else 'true' }}
        {% if is_incremental() -%}
            and {{ is_touched_day(feed, of.date) }}
        {%- endif %}
),

{{ feed }}_codes as (
    select
        '{{ feed }}' as feed,
        vintage,
        {{ dimension_columns(by_column) }},
        count(*) as n_records,
        event_date
    from {{ feed }}
    group by {{ grouped_by_dimension(by_column, ['vintage', 'event_date']) }} -- noqa: PRS
),

{% endfor -%}
united as (
    {% for feed in coded_feeds -%}
        select * from {{ feed }}_codes
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

counted as (
    select
        feed,
        vintage,
        dimension as code_column,
        dimension_value as code,
        n_records,
        event_date
    from united
)

select * from counted
order by event_date
