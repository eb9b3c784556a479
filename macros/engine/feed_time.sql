{#-
    Text of a feed's files as time, by the formats and the zone that feeds.yml has for the
    feed: the same definition by which the loader dates deliveries. The loader keeps it as
    macros in the landing database; its source's definition follows it, so that what
    depends on it is built again when it changes (macros/state/held_states.sql).
    - feed_time: what the clocks of the feed's zone showed;
    - feed_instant: the same as a timestamp in UTC; of a time without an offset as in
      utc_instant();
    - feed_time_with_offset: the time as the text has it, beside an offset; null if it has
      none, and so fixes no instant. Of a number that counts from 1970, the time in UTC.
    All are null where a text cannot be read. The arguments are the feed's name and an
    expression.
    - is_plausible: whether such a time can be true, by what feeds.yml has as `plausible`
      and by when the raw row, of whose columns it makes use, was received. True if null.
    Usage: {{ feed_time('service_requests', 'case_created_dttm') }} as requested_at
-#}
{% macro feed_time(feed, text) -%}
    {{ adapter.dispatch('feed_time', 'eventmart')(feed, text) }}
{%- endmacro %}

{% macro duckdb__feed_time(feed, text) -%}
    landing.raw.{{ feed }}_time({{ text }})
{%- endmacro %}

{% macro feed_instant(feed, text) -%}
    {{ adapter.dispatch('feed_instant', 'eventmart')(feed, text) }}
{%- endmacro %}

{% macro duckdb__feed_instant(feed, text) -%}
    landing.raw.{{ feed }}_instant({{ text }})
{%- endmacro %}

{% macro is_plausible(feed, time) -%}
    {{ adapter.dispatch('is_plausible', 'eventmart')(feed, time) }}
{%- endmacro %}

{% macro duckdb__is_plausible(feed, time) -%}
    landing.raw.{{ feed }}_is_plausible({{ time }}, _delivery_seq)
{%- endmacro %}

{% macro feed_time_with_offset(feed, text) -%}
    {{ adapter.dispatch('feed_time_with_offset', 'eventmart')(feed, text) }}
{%- endmacro %}

{% macro duckdb__feed_time_with_offset(feed, text) -%}
    landing.raw.{{ feed }}_time_with_offset({{ text }})
{%- endmacro %}
