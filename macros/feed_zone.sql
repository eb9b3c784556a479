{#-
    The zone of the clocks behind a feed's times, by feeds.yml.
    Usage: {{ time_quality('requested_at', feed_zone('service_requests')) }}
-#}
{% macro feed_zone(feed) -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select zone from landing.raw.feed_times where feed = '" ~ feed ~ "'"
        ) -%}
        {%- if not found.rows -%}
            {{ exceptions.raise_compiler_error(
                'no feed ' ~ feed ~ ' in the landing database; run: eventmart init'
            ) }}
        {%- endif -%}
        {{ return(found.rows[0][0]) }}
    {%- endif -%}
    {{ return('UTC') }}
{%- endmacro %}
