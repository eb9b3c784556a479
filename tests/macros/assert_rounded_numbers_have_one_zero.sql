-- A returned row is a number that is rounded to another text than it should.
with samples as (
    select *
    from (
        values
        (-0.004e0, '0.0'),
        (-0e0, '0.0'),
        (0e0, '0.0'),
        (0.004e0, '0.0'),
        (-0.006e0, '-0.01'),
        (-0.25e0, '-0.25'),
        (cast('nan' as double), null),
        (null, null)
    ) as samples (number, rounded_text) -- noqa: AL05
)

select *
from samples
where
    cast({{ round_signed('number', 2) }} as varchar) is distinct from rounded_text
