{#-
    Chances by a Poisson law, of a count as great as was seen, or greater: a query, to be
    the whole of a CTE. It reads n_seen, a whole number from 1, expected_n > 0 and the
    columns that `keys` names, of `counts`, and gives these columns and p_value.
    Where no more was seen than expected there is nothing to ask, and p_value is 1. The
    tail is summed from the count on, so that small chances are exact as well; ten
    standard deviations further nothing is left. Rounded to ten digits, so that it is the
    same in whatever order the terms are added up.
    Usage: poisson_tails as (
        {{ poisson_tails('pairs', ['product_pair_key']) }}
    )
-#}
{% macro poisson_tails(counts, keys) -%}
{%- set by_key = keys | join(', ') -%}
with poisson_terms as (
    select
        {{ by_key }},
        n_seen,
        expected_n,
        {{ whole_numbers_between(
            'n_seen',
            'case when n_seen > expected_n '
            ~ 'then n_seen + 10 * cast(ceil(sqrt(n_seen)) as integer) '
            ~ 'else n_seen end'
        ) }} as n_by_chance
    from {{ counts }}
)

select
    {{ by_key }},
    case
        when n_seen > expected_n
            then exp(round(
                n_seen * ln(expected_n)
                - expected_n
                - {{ log_gamma('n_seen + 1') }}
                + ln(sum(exp(
                    (n_by_chance - n_seen) * ln(expected_n)
                    - {{ log_gamma('n_by_chance + 1') }}
                    + {{ log_gamma('n_seen + 1') }}
                ))),
                10
            ))
        else 1e0
    end as p_value
from poisson_terms
group by {{ by_key }}, n_seen, expected_n
{%- endmacro %}
