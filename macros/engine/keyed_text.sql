{#-
    A personal id as text that tells nothing of it: hashed with the secret of the
    installation, which the loader keeps in a macro of the landing database, so that it
    stands in no SQL of this project. Null stays null. Another secret is another
    definition of the source, so that what depends on it is built again
    (macros/state/held_states.sql).
    Usage: {{ surrogate_key([keyed_text('card_hash')]) }} as customer_key
-#}
{% macro keyed_text(text) -%}
    {{ return(adapter.dispatch('keyed_text', 'eventmart')(text)) }}
{%- endmacro %}

{% macro duckdb__keyed_text(text) -%}
    {{ return('landing.raw.keyed_text(' ~ text ~ ')') }}
{%- endmacro %}
