{#-
    A stable key: md5 of length-prefixed parts, as UUID. Null and '' differ, as do
    ('a', 'bc') and ('ab', 'c'), whatever characters they hold: see tests/macros/.
    Usage: {{ surrogate_key(['kiosk_id', 'purchased_at_utc']) }}
-#}
{% macro surrogate_key(columns) -%}
    {%- if columns is string or not columns -%}
        {{ exceptions.raise_compiler_error('surrogate_key takes a list of columns') }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- set text = 'cast(' ~ column ~ ' as varchar)' -%}
        {%- do parts.append(
            "coalesce(length(" ~ text ~ ") || ':' || " ~ text ~ ", '~')"
        ) -%}
    {%- endfor -%}
    {{ md5_uuid(parts | join(' || ')) }}
{%- endmacro %}
