{#-
    Every figure about customers is given with the cards that are shared (`dim_cards`)
    and without them: the cards, with all their columns, once for each group that they
    are in, which has_shared_cards names. A query, to be the whole of a CTE.
    Usage: grouped_cards as (
        {{ grouped_cards('cards') }}
    )
-#}
{% macro grouped_cards(cards) -%}
select
    true as has_shared_cards,
    *
from {{ cards }}
union all
select
    false as has_shared_cards,
    *
from {{ cards }}
where not is_shared_card
{%- endmacro %}
