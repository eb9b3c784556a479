{#-
    A time of the accidents files to the minute that was meant: some exports cut a
    second off (14:19:59 means 14:20). Other times stay as they are.
    Usage: {{ whole_minute('occurred_at_as_sent') }} as occurred_at
-#}
{% macro whole_minute(column) -%}
    case
        when extract(second from {{ column }}) = 59
            then {{ dbt.dateadd('second', 1, column) }}
        else {{ column }}
    end
{%- endmacro %}
