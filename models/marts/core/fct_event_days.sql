{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['feed', 'event_date'],
    on_schema_change='fail',
    meta={'event_date': 'event_date', 'touched_in': 'int_event_days_touched'},
) }}

with neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

counted as (
    {% for feed, of in var('events').items() -%}
        {% set is_held -%}
            {{ "facts.record_state <> 'withdrawn'" if of.has_states else 'true' }}
        {%- endset -%}
        select
            '{{ feed }}' as feed,
            facts.{{ of.date }} as event_date,
            count(
                {{ 'distinct' if of.counted }} case
                    when {{ is_held }} then facts.{{ of.counted or of.date }}
                end
            ) as n_events,
            count(*) as n_facts,
            count(
                case
                    when facts.time_quality not in ('exact', 'assumed_zone') then 1
                end
            ) as n_uncertain_times,
            {% if of.has_places -%}
                count(case when not facts.has_usable_point then 1 end)
                    as n_without_point,
                count(case when not neighborhoods.is_known then 1 end)
                    as n_without_neighborhood,
            {%- else -%}
                0 as n_without_point,
                0 as n_without_neighborhood,
            {%- endif %}
            count(case when not {{ is_held }} then 1 end) as n_withdrawn
        from {{ ref(of.fact) }} as facts
        {% if of.has_places -%}
            inner join neighborhoods
                on facts.neighborhood_key = neighborhoods.neighborhood_key
        {%- endif %}
        {% if is_incremental() -%}
            where {{ is_touched_day(feed, 'facts.' ~ of.date) }}
        {%- endif %}
        group by {{ 'facts.' ~ of.within ~ ', ' if of.within }}facts.{{ of.date }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Vintages describe the same accidents: the one with the most gives the number.
merged as (
    select
        feed,
        event_date,
        max(n_events) as n_events,
        sum(n_facts) as n_facts,
        sum(n_uncertain_times) as n_uncertain_times,
        sum(n_without_point) as n_without_point,
        sum(n_without_neighborhood) as n_without_neighborhood,
        sum(n_withdrawn) as n_withdrawn
    from counted
    group by feed, event_date
),

keyed as (
    select
        {{ surrogate_key(['feed', 'event_date']) }} as event_day_key,
        feed,
        n_events,
        {% for count in [
            'facts', 'uncertain_times', 'without_point', 'without_neighborhood', 'withdrawn'
        ] -%}
            cast(n_{{ count }} as bigint) as n_{{ count }},
        {% endfor -%}
        event_date
    from merged
)

select * from keyed
order by event_date
