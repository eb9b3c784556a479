{#-
    On the model of row fates of a feed: duplicates for which no row of their identity
    that counts agrees with them in each of `agreeing`. They would be events that are lost.
    Usage: - repeats_what_counts: {arguments: {agreeing: [incident_id]}}
-#}
{% test repeats_what_counts(model, agreeing) %}

with fates as (
    select * from {{ model }}
),

lost as (
    select
        duplicates._row_hash,
        duplicates._copy
    from fates as duplicates
    left join fates as events
        on
            duplicates.identity_key = events.identity_key
            and events.fate = 'current_version'
            {% for column in agreeing -%}
                and duplicates.{{ column }} is not distinct from events.{{ column }}
            {% endfor %}
    where duplicates.fate = 'duplicate' and events._row_hash is null
)

select * from lost

{% endtest %}
