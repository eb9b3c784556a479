{#-
    One part of the state that a model of the project has just been built in, such as its
    `definition` or its `built_change_seq`; none if it has none.
    Usage: '{{ built_state("fct_figures", "definition") }}'
-#}
{% macro built_state(name, part) -%}
    {%- if execute -%}
        {%- set node_id = 'model.' ~ project_name ~ '.' ~ name -%}
        {{ return(held_states().get(node_id, {}).get(part)) }}
    {%- endif -%}
{%- endmacro %}
