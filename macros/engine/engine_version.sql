{#-
    The versions of the database engine and of dbt's adapter to it, as one text. What they
    compute may differ: tables and views are built again by others.
    Usage: select {{ engine_version() }}
-#}
{% macro engine_version() -%}
    {{ adapter.dispatch('engine_version', 'eventmart')() }}
{%- endmacro %}

{% macro duckdb__engine_version() -%}
    concat(version(), ' ', adapter_version())
{%- endmacro %}
