-- A returned row is a share whose 95 % interval is not Wilson's.
with printed as (
    select *
    from (
        values
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 1000, 0.0002, 0.0056),
        (0, 0, null, null)
    ) as printed_shares (n_with, n, share_low, share_high) -- noqa: AL05
)

select *
from printed
where
    round({{ wilson_bound('n_with', 'n', 'low') }}, 4) is distinct from share_low
    or round({{ wilson_bound('n_with', 'n', 'high') }}, 4) is distinct from share_high
