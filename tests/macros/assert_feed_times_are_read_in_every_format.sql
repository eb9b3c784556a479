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
    ('1/7/14', '2014-01-07 00:00:00'),
    ('2014-01-07T21:19:59Z', '2014-01-07 14:19:59'),
    ('2014-01-07T13:19:59-0800', '2014-01-07 14:19:59'),
    ('1/7/14 14:19', '2014-01-07 14:19:00'),
    ('41646', null),
    ('20140107', null),
    ('1899-12-31', null),
    ('9999-12-31', null),
    ('2014', null),
    ('soon', null),
    (null, null)
),

read_times as (
    select
        *,
        {{ feed_time('service_requests', 'sent') }} as found_time
    from texts
)

select *
from read_times
where cast(wall_clock as timestamp) is distinct from found_time
