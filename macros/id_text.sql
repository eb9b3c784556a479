{#-
    A source's own identifier as text, without what a trip through a float has added:
    '2013227315.0' is '2013227315'.
    Usage: {{ id_text('offense_id') }} as offense_id
-#}
{% macro id_text(column) -%}
    regexp_replace({{ clean_text(column) }}, '[.]0+$', '')
{%- endmacro %}
