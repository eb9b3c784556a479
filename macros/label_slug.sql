{#-
    A label as it is compared: lower case, its letters and digits only, runs of all
    else as one hyphen: 'Gateway / Green Valley Ranch' and 'gateway-green-valley-ranch'
    are one label. Never a part of a label: 'Barnum West' is not 'Barnum'.
    Usage: {{ label_slug('neighborhood_label') }}
-#}
{% macro label_slug(column) -%}
    trim(both '-' from {{ replace_pattern('lower(' ~ column ~ ')', '[^a-z0-9]+', '-') }})
{%- endmacro %}
