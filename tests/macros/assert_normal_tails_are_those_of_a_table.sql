-- A returned row is a chance of so far from zero, by the normal law, that is not the
-- one known to seven digits.
with known as (
    select *
    from (
        values
        (0.0e0, 1.0e0),
        (0.5e0, 6.170751e-01),
        (1.0e0, 3.173105e-01),
        (1.959963984540054e0, 5e-02),
        (3.0e0, 2.699796e-03),
        (6.0e0, 1.973175e-09),
        (20.0e0, 5.507248e-89)
    ) as chances (z, p_value) -- noqa: AL05
)

select *
from known
where abs({{ normal_tails('z') }} - p_value) > 1e-6 * p_value
