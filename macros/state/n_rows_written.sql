{#-
    How many rows the model's build deleted and inserted: the number recorded by its
    incremental strategy; all rows of a rebuilt table; none for a view.
    Usage: {{ n_rows_written() }}
-#}
{% macro n_rows_written() -%}
    {%- set recorded = load_result('rows_written') -%}
    {%- if recorded -%}
        {{ return(recorded.response.rows_affected) }}
    {%- elif model.config.materialized == 'view' -%}
        {{ return(0) }}
    {%- endif -%}
    {{ return(run_query('select count(*) from ' ~ this).rows[0][0] | int) }}
{%- endmacro %}
