{#-
    What the model's build wrote: n_rows, the rows that it deleted and inserted, and
    content, what tells the rows of a table that is built whole, and its documentation.
    If that is what the table held before, nothing was written that anybody could see: the
    number is 0, and neither what reads the table nor its tests need to run.
    Usage: {% set written = written(held, state) %}
-#}
{% macro written(held, state) -%}
    {%- set recorded = load_result('rows_written') -%}
    {%- if recorded -%}
        {{ return({'n_rows': recorded.response.rows_affected}) }}
    {%- elif model.config.materialized == 'view' -%}
        {{ return({'n_rows': 0}) }}
    {%- endif -%}
    {%- set found = run_query(content_of(this)).rows[0] -%}
    {%- set content = found[1] ~ ' ' ~ state.documentation -%}
    {{ return({
        'n_rows': 0 if held.get('content') == content else found[0] | int,
        'content': content,
    }) }}
{%- endmacro %}
