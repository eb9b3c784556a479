{#-
    dbt's own strategy `append`, which also records how many rows it writes, and which days
    of them are still to be tested.
-#}
{% macro get_incremental_append_sql(arg_dict) -%}
    {%- set n_rows = run_query('select count(*) from ' ~ arg_dict.temp_relation) -%}
    {%- do store_raw_result(
        'rows_written', message='', code='', rows_affected=n_rows.rows[0][0] | int
    ) -%}
    {{ note_untested_days(arg_dict.temp_relation) }}
    {{ dbt.get_incremental_append_sql(arg_dict) }}
{%- endmacro %}
