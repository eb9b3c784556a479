{#- Views are replaced only if their definition has changed. See build_if_changed(). -#}
{% materialization view, adapter='duckdb' %}
    {{ return(build_if_changed(dbt.materialization_view_default)) }}
{% endmaterialization %}
