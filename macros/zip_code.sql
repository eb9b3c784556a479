{#-
    The five digits of a zip code, with or without the four after them; null if the text
    is no such code, or the placeholder 99999.
    Usage: {{ zip_code('customer_zip_code') }} as customer_zip
-#}
{% macro zip_code(column) -%}
    nullif(
        nullif(regexp_extract({{ column }}, '^([0-9]{5})(-?[0-9]{4})?$', 1), ''), '99999'
    )
{%- endmacro %}
