{#-
    The whole numbers that a count lies between with a chance as near as can be to
    `share`: a query, to be the whole of a CTE. It reads `expected`, one row per key with
    expected_n > 0 and dispersion_size as in count_tails. The likeliest numbers are taken
    first. A count is a whole number, so the chance is seldom `share` itself. It gives the
    keys with count_low, count_high and interval_chance.
    Usage: intervals as (
        {{ count_intervals('expected', ['series_key', 'event_date'], 0.8) }}
    )
-#}
{% macro count_intervals(expected, keys, share) -%}
{%- set by_key = keys | join(', ') -%}
with numbers as (
    select
        {{ by_key }},
        expected_n,
        dispersion_size,
        {{ whole_numbers_between(
            0,
            'cast(ceil(10 + expected_n + 10 * sqrt(expected_n + expected_n * expected_n '
            ~ '/ coalesce(dispersion_size, 1e18))) as integer)'
        ) }} as k
    from {{ expected }}
),

chances as (
    select
        {{ by_key }},
        k,
        round({{ count_chance('k', 'expected_n', 'dispersion_size') }}, 12) as chance
    from numbers
),

likeliest as (
    select
        {{ by_key }},
        k,
        round(sum(chance) over (
            partition by {{ by_key }}
            order by chance desc, k asc
            rows between unbounded preceding and current row
        ), 9) as interval_chance
    from chances
),

nearest as (
    select
        *,
        min(abs(interval_chance - {{ share }})) over (partition by {{ by_key }})
            as distance
    from likeliest
),

chosen as (
    select
        *,
        min(
            case when abs(interval_chance - {{ share }}) = distance then interval_chance end
        ) over (partition by {{ by_key }}) as chosen_chance
    from nearest
)

select
    {{ by_key }},
    min(k) as count_low,
    max(k) as count_high,
    max(interval_chance) as interval_chance
from chosen
where interval_chance <= chosen_chance
group by {{ by_key }}
{%- endmacro %}
