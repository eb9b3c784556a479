{#-
    What a generic test reads of a model. Of one that is built incrementally these tests,
    which judge each row or each key for itself, read the days that were touched since
    they passed: see untested_days(). Every rebuild of it has all read. Tests that compare
    tables are not bounded, but for relationships to what keeps its keys: a day that
    passed would pass again. See keeps_keys().
-#}
{% macro get_where_subquery(relation) -%}
    {%- set per_row = [
        'unique', 'not_null', 'accepted_values', 'accepted_range', 'not_blank',
        'unique_combination', 'agrees_within',
    ] -%}
    {%- set where = config.get('where', '') -%}
    {%- set name = (model.get('test_metadata') or {}).get('name') -%}
    {%- if not where and (name in per_row or keeps_keys()) -%}
        {%- set where = untested_days() -%}
    {%- endif -%}
    {%- if where -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}
