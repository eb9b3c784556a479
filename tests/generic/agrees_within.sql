{#-
    Groups of rows that are one by `columns`, and do not agree in each of `agreeing`: then
    what is taken for one identity is not one. A null disagrees with a value.
    Usage: - agrees_within:
               arguments: {columns: [identity_key], agreeing: [incident_id]}
-#}
{% test agrees_within(model, columns, agreeing) %}

select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having
    {% for column in agreeing -%}
        min({{ column }}) <> max({{ column }})
        or count({{ column }}) not in (0, count(*))
        {% if not loop.last %}or {% endif -%}
    {% endfor %}

{% endtest %}
