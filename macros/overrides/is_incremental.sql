{#-
    dbt's own, but true while models are parsed, so that what only the incremental
    branch refers to is known as something the model depends on.
-#}
{% macro is_incremental() -%}
    {{ return(not execute or dbt.is_incremental()) }}
{%- endmacro %}
