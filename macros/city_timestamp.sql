{#-
    A wall-clock time of the city's files, in any format they have used:
    ISO (2014-01-07 14:19:59), American (1/7/2014 2:19:59 PM), a date alone in either
    form, or milliseconds since 1970, which are an instant and become local time.
    Null outside 1990 to 2099: two-digit years, 1900 and 9999 say no date.
    Usage: {{ city_timestamp('case_created_dttm') }} as requested_at
-#}
{% macro city_timestamp(column) -%}
    {%- set formats = [
        '%Y-%m-%d %H:%M:%S', '%m/%d/%Y %I:%M:%S %p', '%Y-%m-%d', '%m/%d/%Y',
    ] -%}
    {%- set milliseconds -%}
        case
            when {{ full_match(column, '[0-9]{12,13}') }}
                then cast({{ column }} as bigint)
        end
    {%- endset -%}
    {%- set moment -%}
        coalesce(
            {{ parse_timestamp(column, formats) }},
            {{ local_time(epoch_timestamp(milliseconds), city_zone()) }}
        )
    {%- endset -%}
    case when extract(year from {{ moment }}) between 1990 and 2099 then {{ moment }} end
{%- endmacro %}
