{#-
    In which deliveries of its chain each raw row stays, or stays away: a query, to be the
    whole of a CTE, for window_changes(). It reads the deltas of rows, and gives one row per
    delta: from `came_place`, that of the delivery that brings the change, to `left_place`,
    that of the next change.
-#}
{% macro chain_stays(deltas) -%}
select
    identity_key,
    _row_hash,
    _copy,
    series,
    chain_number,
    change,
    place as came_place,
    coalesce(
        lead(place) over (
            partition by _row_hash, _copy, series, chain_number
            order by place
        ),
        2147483647
    ) as left_place
from {{ deltas }}
{%- endmacro %}
