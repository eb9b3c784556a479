{#-
    No table here has an index or an enforced key, which break an incremental build: what
    dbt-duckdb asks about them for each table would cost a tenth of a build.
-#}
{% macro has_foreign_key_constraints(relation) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro may_be_foreign_key_target(relation) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro drop_indexes_on_relation(relation) -%}
{%- endmacro %}
