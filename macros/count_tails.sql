{#-
    Exact chances of counts: a query, to be the whole of a CTE. It reads `expected`, one
    row per key with n_events, what was counted, expected_n, what was expected, and
    dispersion_size, the size of the negative binomial law: the smaller, the wider, with
    variance mean + mean^2 / size; null for the Poisson law. It gives the keys with
    chance_as_few and chance_as_many, the chance of at most and of at least so many. Sums
    of the law's terms, to some 1e-12; the chance of as many is taken from its complement.
    Usage: count_tails as (
        {{ count_tails('expected', ['series_key', 'event_date']) }}
    )
-#}
{% macro count_tails(expected, keys) -%}
with counts_up_to as (
    select
        {{ keys | join(', ') }},
        cast(expected_n as double) as expected_n,
        cast(dispersion_size as double) as dispersion_size,
        n_events,
        {{ whole_numbers_between(0, 'n_events') }} as k
    from {{ expected }}
),

count_chances as (
    select
        {{ keys | join(', ') }},
        n_events,
        k,
        {{ count_chance('k', 'expected_n', 'dispersion_size') }} as chance
    from counts_up_to
)

select
    {{ keys | join(', ') }},
    least(round(sum(chance), 12), 1) as chance_as_few,
    greatest(
        round(1 - sum(case when k < n_events then chance else 0 end), 12), 0
    ) as chance_as_many
from count_chances
group by {{ keys | join(', ') }}
{%- endmacro %}
