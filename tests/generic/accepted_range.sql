{#-
    Values below min_value or above max_value (either may be left out); nulls pass. On a
    column, or on a model for several columns at once.
    Usage: - accepted_range: {arguments: {columns: [n_new, n_known], min_value: 0}}
-#}
{% test accepted_range(
    model, column_name=none, columns=none, min_value=none, max_value=none
) %}

{% set columns = columns or [column_name] %}

select {{ columns | join(', ') }}
from {{ model }}
where
    false
    {%- for column in columns %}
    {%- if min_value is not none %}
    or {{ column }} < {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    or {{ column }} > {{ max_value }}
    {%- endif %}
    {%- endfor %}

{% endtest %}
