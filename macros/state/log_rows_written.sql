{#-
    Says how many rows the run deleted and inserted, over all models and seeds.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro log_rows_written(results) -%}
    {%- if execute -%}
        {%- set counts = [] -%}
        {%- for result in results if result.node.resource_type in ['model', 'seed'] -%}
            {%- do counts.append(result.adapter_response.get('rows_affected', 0)) -%}
        {%- endfor -%}
        {%- do log('rows written: ' ~ counts | sum, info=true) -%}
    {%- endif -%}
{%- endmacro %}
