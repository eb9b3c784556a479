{#-
    Whether the rows of an identity may have changed since the model was built: all of them
    are read again then, not the changed ones alone. `touched` is the relation that lists
    such identities by _change_seq, in the column `touched_key`; where the date of an
    identity never changes, it finds its rows sooner.
    Usage: {% if is_incremental() -%}
        where {{ is_touched(ref('int_accidents_touched'), 'identity_key') }}
    {%- endif %}
-#}
{% macro is_touched(touched, identity_key, event_date=none, touched_key='identity_key') -%}
    {%- if event_date -%}
    ({{ identity_key }}, {{ event_date }}) in (
        select
            touched.{{ touched_key }},
            touched.event_date
    {%- else -%}
    {{ identity_key }} in (
        select touched.{{ touched_key }}
    {%- endif %}
        from {{ touched }} as touched
        where touched._change_seq > {{ built_change_seq() }}
    )
{%- endmacro %}
