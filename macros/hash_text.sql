{#-
    A hash as text: in hexadecimal digits, upper and lower case are the same, with or without
    0x in front, as databases write them. Other text stays as it is: Base64 has both cases.
    Usage: {{ hash_text('card_hash') }} as card_hash
-#}
{% macro hash_text(column) -%}
    {%- set text = clean_text(column) -%}
    case
        -- Most are written so already; no pattern is tried on those.
        when {{ text }} = lower({{ text }}) and not starts_with({{ text }}, '0x')
            then {{ text }}
        when {{ full_match(text, '(0[xX])?[0-9a-fA-F]{16,}') }}
            then {{ replace_pattern('lower(' ~ text ~ ')', '^0x', '') }}
        else {{ text }}
    end
{%- endmacro %}
