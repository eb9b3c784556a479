{#-
    Seeds are loaded again only if the file or its column types have changed. See
    build_if_changed(). The parsed file is stored first: dbt asks for it in any case.
-#}
{% materialization seed, adapter='duckdb' %}
    {% do store_result('agate_table', response='OK', agate_table=load_agate_table()) %}
    {{ return(build_if_changed(dbt.materialization_seed_default)) }}
{% endmaterialization %}
