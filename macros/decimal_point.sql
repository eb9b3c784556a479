{#-
    A number with a comma before its decimals, and maybe dots between thousands, as one
    with a point: '1.234,50' is '1234.50'. Null if it is written otherwise: '1.50' would be
    another number without its dot.
    Usage: {{ round_trip_cast(decimal_point('sent_price'), 'decimal(18, 4)') }} as price
-#}
{% macro decimal_point(column) -%}
    case
        when {{ full_match(column, '-?([0-9]{1,3}([.][0-9]{3})+|[0-9]+)(,[0-9]+)?') }}
            then replace(replace({{ column }}, '.', ''), ',', '.')
    end
{%- endmacro %}
