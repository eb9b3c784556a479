{#-
    The CTE `card_groups`: every figure about customers is given with the cards that are
    shared (`fct_card_uses`) and without them. What was counted by `is_shared_card` goes
    into both groups, or into the first alone.
    Usage: {{ card_groups() }}, ... from counted inner join card_groups
    on card_groups.has_shared_cards or not counted.is_shared_card
-#}
{% macro card_groups() -%}
card_groups as (
    select true as has_shared_cards
    union all
    select false as has_shared_cards
)
{%- endmacro %}
