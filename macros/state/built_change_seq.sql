{#-
    The model's own watermark: up to where the landing's changes are in it, 0 if it has
    none. What is new to the model has a greater _change_seq.
    Usage: where _change_seq > {{ built_change_seq() }}
-#}
{% macro built_change_seq() -%}
    {%- if execute -%}
        {%- set state = held_states().get(model.unique_id, {}) -%}
        {{ return(state.get('built_change_seq') or 0) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}
