{#- Tables are rebuilt only if what they read has changed. See build_if_changed(). -#}
{% materialization table, adapter='duckdb' %}
    {{ return(build_if_changed(dbt.materialization_table_duckdb)) }}
{% endmaterialization %}
