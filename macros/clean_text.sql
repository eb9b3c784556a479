{#-
    A text without white space around it (no-break space, tab and line break included);
    null if nothing else is there.
    Usage: {{ clean_text('case_source') }} as source_label
-#}
{% macro clean_text(column) -%}
    nullif(trim({{ column }}, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '')
{%- endmacro %}
