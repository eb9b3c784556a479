{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['feed', 'event_date'],
    on_schema_change='fail',
    meta={'event_date': 'event_date', 'touched_in': 'int_event_days_touched'},
) }}
{# Each column of codes, with the feed of whose events it is. #}
{% set coded = [] %}
{% for feed, of in var('events').items() if of.coded -%}
    {% for column in of.coded %}{% do coded.append([feed, of, column]) %}{% endfor %}
{%- endfor %}

with codes as (
    {% for feed, of, column in coded -%}
        select
            '{{ feed }}' as feed,
            {{ of.within or "'main'" }} as vintage,
            '{{ column }}' as code_column,
            coalesce(cast({{ column }} as varchar), 'Unknown') as code,
            {{ of.date }} as event_date
        from {{ ref(of.fact) }}
        where
            {{ "record_state <> 'withdrawn'" if of.has_states else 'true' }}
            and {{ is_touched_day(feed, of.date) if is_incremental() else 'true' }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

counted as (
    select
        feed,
        vintage,
        code_column,
        code,
        count(*) as n_records,
        event_date
    from codes
    group by feed, vintage, code_column, code, event_date
)

select * from counted
order by event_date
