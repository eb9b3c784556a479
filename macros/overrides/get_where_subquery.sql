{#-
    What a generic test reads of a model. Of one that is built incrementally these tests,
    which judge each row or each key for itself, read the days that were touched since
    they passed: see untested_days(). Every rebuild has all read. Tests that compare
    tables are not bounded, but for relationships to what says of itself, in
    `meta.keeps_keys`, that a key stays as long as a fact has it: days that passed once
    pass again.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set per_row = [
        'unique', 'not_null', 'accepted_values', 'accepted_range', 'not_blank',
        'unique_combination',
    ] -%}
    {%- set where = config.get('where', '') -%}
    {%- set name = (model.get('test_metadata') or {}).get('name') -%}
    {%- if not where and (name in per_row or name == 'relationships' and keeps_keys()) -%}
        {%- set where = untested_days() -%}
    {%- endif -%}
    {%- if where -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{#- Whether all that the test under way compares its model with keeps its keys. -#}
{% macro keeps_keys() -%}
    {%- set losing = [] -%}
    {%- for node_id in model.depends_on.nodes
        if execute and node_id != model.attached_node -%}
        {%- set node = graph.nodes.get(node_id) or {} -%}
        {%- if not ((node.get('config') or {}).get('meta') or {}).get('keeps_keys') -%}
            {%- do losing.append(node_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(not losing) }}
{%- endmacro %}
