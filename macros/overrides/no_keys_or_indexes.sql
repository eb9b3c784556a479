{#-
    No table here has an index or an enforced key, which break an incremental build: a
    test refuses them. What dbt-duckdb asks about them for each table would take 7 % of the
    time of a full build of a small demo.
-#}
{% macro has_foreign_key_constraints(relation=none) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro may_be_foreign_key_target(relation=none) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro drop_indexes_on_relation(relation) -%}
{%- endmacro %}
