{#-
    The schema of a folder is exactly the one its configuration names (marts, reports),
    not `<target schema>_<name>`.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
