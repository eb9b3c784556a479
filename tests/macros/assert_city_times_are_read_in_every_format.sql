-- A returned row is a text of a city file that was read as another time, or none.
with texts (sent, wall_clock) as (
    values
    ('2014-01-07 14:19:59', '2014-01-07 14:19:59'),
    ('1/7/2014 2:19:59 PM', '2014-01-07 14:19:59'),
    ('01/07/2014 12:00:00 AM', '2014-01-07 00:00:00'),
    ('2014-01-07', '2014-01-07 00:00:00'),
    ('01/07/2014', '2014-01-07 00:00:00'),
    ('1389129599000', '2014-01-07 14:19:59'),
    ('13/07/2014', null),
    ('1/7/14', null),
    ('1899-12-31', null),
    ('9999-12-31', null),
    ('2014', null),
    ('soon', null),
    (null, null)
)

select
    *,
    {{ city_timestamp('sent') }} as found_time
from texts
where
    cast(wall_clock as timestamp) is distinct from {{ city_timestamp('sent') }}
