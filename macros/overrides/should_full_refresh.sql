{#-
    An incremental model whose definition is not the one its rows were built with is
    rebuilt in full, as if --full-refresh had been given: old and new logic are never
    mixed. A definition holds the model's code, the macros and variables it names, the
    seeds and models it reads and theirs, and which landing it was built from.
    `full_refresh: false` marks a model that cannot be built again, because it records the
    past.
-#}
{% macro should_full_refresh() -%}
    {%- if dbt.should_full_refresh() -%}
        {{ return(true) }}
    {%- elif config.get('full_refresh') is false -%}
        {{ return(false) }}
    {%- elif not execute or model.config.materialized != 'incremental' -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set states = held_states() -%}
    {%- set held = states.get(model.unique_id, {}) -%}
    {{ return(held.get('definition') != model_definition(states)) }}
{%- endmacro %}
