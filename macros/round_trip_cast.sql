{#-
    A text as a typed value, or null if the value is not what the text says: a bare
    try_cast reads '1.6' as the integer 2, and takes ' 5 ', '1_000' and '1e3'.
    - decimals: plain digits, all of which fit ('7.8' is 7.80; '7.795' is null at two);
    - double: plain digits;
    - every other type: casting back must give the text, so '05' is no integer and
      '2024-02-30' no date.
    Usage: {{ round_trip_cast('cost', 'decimal(18, 2)') }} as cost_usd
-#}
{% macro round_trip_cast(column, type) -%}
    {%- set value = 'try_cast(' ~ column ~ ' as ' ~ type ~ ')' -%}
    {%- set is_plain_number = full_match(column, '-?[0-9]+([.][0-9]+)?') -%}
    {%- if type == 'double' -%}
        case when {{ is_plain_number }} then {{ value }} end
    {%- elif type.startswith('decimal') -%}
        case
            when
                {{ is_plain_number }}
                and {{ value }} = try_cast({{ column }} as decimal(38, 12))
                then {{ value }}
        end
    {%- else -%}
        case when cast({{ value }} as varchar) = {{ column }} then {{ value }} end
    {%- endif -%}
{%- endmacro %}
