{#-
    How many rows a table has, and what tells whether another has the same ones, in whatever
    order: one row. Of tables that differ it is the same by chance once in 2^64.
    Usage: {{ run_query(content_of(this)) }}
-#}
{% macro content_of(relation) -%}
    {{ return(adapter.dispatch('content_of', 'eventmart')(relation)) }}
{%- endmacro %}

{% macro duckdb__content_of(relation) -%}
    select
        count(*) as n_rows,
        cast(count(*) as varchar) || ' ' || coalesce(sum(hash(counted)), 0) as content
    from {{ relation }} as counted
{%- endmacro %}
