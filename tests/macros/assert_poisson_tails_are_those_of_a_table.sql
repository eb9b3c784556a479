-- A returned row is a chance of a count or more, by a Poisson law, that is not the one
-- known to six digits; no more than expected is not asked about.
with known as (
    select *
    from (
        values
        (1, 5, 1.0, 3.659847e-03),
        (2, 5, 4.9, 5.417881e-01),
        (3, 1, 0.001, 9.995002e-04),
        (4, 60, 10.0, 6.521903e-27),
        (5, 2000, 1900.0, 1.169582e-02),
        (6, 3, 3.0, 1.0),
        (7, 2, 7.0, 1.0)
    ) as chances (number, n_seen, expected_n, known_p_value) -- noqa: AL05
),

poisson_tails as (
    {{ poisson_tails('known', ['number', 'known_p_value']) }}
)

select *
from poisson_tails
where
    p_value is null
    or abs(p_value - known_p_value) > 1e-6 * known_p_value
union all
select
    number,
    known_p_value,
    null as p_value
from known
where number not in (select poisson_tails.number from poisson_tails)
