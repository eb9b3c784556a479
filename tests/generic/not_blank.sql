{#- Texts that are there but say nothing: empty, or white space only. Nulls pass. -#}
{% test not_blank(model, column_name) %}

select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null and {{ clean_text(column_name) }} is null

{% endtest %}
