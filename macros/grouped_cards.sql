{#-
    The CTE `grouped_cards`: every figure about customers is given with the cards that
    are shared (`dim_cards`) and without them. It has the cards of the CTE
    `cards`, with all their columns, once for each group that they are in, which
    has_shared_cards names.
    Usage: cards as (...), {{ grouped_cards() }}, ... inner join grouped_cards
    on visits.customer_key = grouped_cards.customer_key
    group by grouped_cards.has_shared_cards
-#}
{% macro grouped_cards() -%}
grouped_cards as (
    select
        true as has_shared_cards,
        *
    from cards
    union all
    select
        false as has_shared_cards,
        *
    from cards
    where not is_shared_card
)
{%- endmacro %}
