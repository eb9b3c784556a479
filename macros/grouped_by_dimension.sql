{#-
    Grouping by each of some dimensions in one reading: what follows `group by`. Columns
    in `also` belong to each of the groupings.
    Usage: group by {{ grouped_by_dimension(request_dimensions(), ['watched_days']) }}
-#}
{% macro grouped_by_dimension(dimensions, also=[]) -%}
    grouping sets (
        {%- for columns in dimensions.values() %}
        ({{ (columns + also) | join(', ') }}){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
