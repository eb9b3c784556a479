{#-
    The columns for `grouped_by_dimension` in the select list: `dimension`, and its value
    as `dimension_value`, parts joined by a slash; All if the rows are not grouped.
    Usage: select {{ dimension_columns(request_dimensions()) }}, count(*) as n_requests
-#}
{% macro dimension_columns(dimensions) -%}
    case
        {%- for dimension, columns in dimensions.items() if columns %}
        when grouping({{ columns | join(') = 0 and grouping(') }}) = 0
            then '{{ dimension }}'
        {%- endfor %}
        else 'overall'
    end as dimension,
    case
        {%- for columns in dimensions.values() if columns %}
        when grouping({{ columns | join(') = 0 and grouping(') }}) = 0
            then {{ columns | join(" || ' / ' || ") }}
        {%- endfor %}
        else 'All'
    end as dimension_value
{%- endmacro %}
