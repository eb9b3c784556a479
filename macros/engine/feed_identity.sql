{#-
    What identifies the event of a raw row, as text: by the columns that feeds.yml has as
    `identity` of the feed, and the same definition by which the loader finds what a
    delivery withdraws. The loader keeps it as a macro of the landing database, with
    those columns of the raw row as parameters; its source's definition follows it
    (macros/state/held_states.sql). Null if a row has none of the values.
    Usage: {{ feed_identity('service_requests') }} as event_identity
-#}
{% macro feed_identity(feed) -%}
    {{ return(adapter.dispatch('feed_identity', 'eventmart')(feed)) }}
{%- endmacro %}

{% macro duckdb__feed_identity(feed) -%}
    {%- if not execute -%}
        {{ return('cast(null as varchar)') }}
    {%- endif -%}
    {%- set found = run_query(
        "select array_to_string(parameters, '\", \"') from duckdb_functions() "
        ~ "where database_name = 'landing' and schema_name = 'raw' "
        ~ "and function_name = '" ~ feed ~ "_identity'"
    ) -%}
    {%- if not found.rows -%}
        {{ exceptions.raise_compiler_error(
            'feeds.yml has no identity of ' ~ feed ~ ', or landed before it had: run '
            ~ 'eventmart init'
        ) }}
    {%- endif -%}
    {{ return('landing.raw.' ~ feed ~ '_identity("' ~ found.rows[0][0] ~ '")') }}
{%- endmacro %}
