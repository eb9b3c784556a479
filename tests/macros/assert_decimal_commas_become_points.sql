-- A returned row is a number that became another than it is.
with texts (sent, expected) as (
    values
    ('1,50', '1.50'),
    ('-0,95', '-0.95'),
    ('1.234,5', '1234.5'),
    ('1.234.567', '1234567'),
    ('12', '12'),
    ('1.50', null),
    ('12.34,5', null),
    ('1,234.5', null),
    ('1,5 EUR', null),
    ('', null)
)

select *
from texts
where {{ decimal_point('sent') }} is distinct from expected
