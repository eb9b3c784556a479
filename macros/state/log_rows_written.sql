{#-
    Says how many rows a run of models or seeds deleted and inserted in all.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro log_rows_written(results) -%}
    {%- if execute -%}
        {%- set counts = [] -%}
        {%- for result in results if result.node.resource_type in ['model', 'seed'] -%}
            {%- do counts.append(result.adapter_response.get('rows_affected', 0)) -%}
        {%- endfor -%}
        {%- if counts -%}
            {%- do print('rows written: ' ~ counts | sum) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
