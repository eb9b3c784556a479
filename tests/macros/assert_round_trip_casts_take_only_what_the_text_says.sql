-- A returned row is a text that became another value than it should.
with texts (sent, whole, exact, approximate) as (
    values
    ('5', 5, 5.00, 5.0),
    ('1.6', null, 1.60, 1.6),
    ('1.60', null, 1.60, 1.6),
    ('-104.9876543', null, null, -104.9876543),
    ('7.795', null, null, 7.795),
    ('1e3', null, null, null),
    ('1_000', null, null, null),
    (' 5 ', null, null, null),
    ('05', null, 5.00, 5.0),
    ('nan', null, null, null),
    ('', null, null, null)
),

casts as (
    select
        *,
        {{ round_trip_cast('sent', 'integer') }} as actual_whole,
        {{ round_trip_cast('sent', 'decimal(18, 2)') }} as actual_exact,
        {{ round_trip_cast('sent', 'double') }} as actual_approximate
    from texts
)

select *
from casts
where
    whole is distinct from actual_whole
    or exact is distinct from actual_exact
    or cast(approximate as double) is distinct from actual_approximate
