{#- Incremental models run only if what they read changed. See build_if_changed(). -#}
{% materialization incremental, adapter='duckdb' %}
    {% do check_dates_from() %}
    {{ return(build_if_changed(dbt.materialization_incremental_duckdb)) }}
{% endmaterialization %}
