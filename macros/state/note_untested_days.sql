{#-
    SQL that notes the days of new rows of the model, which has a meta.event_date, as still
    to be tested. Where no day is noted, all are.
    Usage: {{ note_untested_days(arg_dict.temp_relation) }}
-#}
{% macro note_untested_days(new_rows) -%}
    {%- set event_date = event_date_of(model) -%}
    {%- if event_date -%}
    insert into {{ model.database }}.meta.untested_days
    select
        '{{ model.unique_id }}',
        days.event_date
    from (select distinct {{ event_date }} as event_date from {{ new_rows }}) as days
    where '{{ model.unique_id }}' in (
        select untested.node_id
        from {{ model.database }}.meta.untested_days as untested
    );
    {%- endif -%}
{%- endmacro %}
