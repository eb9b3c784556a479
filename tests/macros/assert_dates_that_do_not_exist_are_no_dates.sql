-- A returned row is a text that was wrongly taken for a date or time, or was not.
with texts (sent, is_date, is_time) as (
    values
    ('2024-02-29', true, false),
    ('2023-02-29', false, false),
    ('2024-02-29 10:00:00', false, true),
    ('2024-02-30 10:00:00', false, false),
    ('2024-02-29 24:00:00', false, false),
    ('2024-02-29 10:00:00-08', false, false),
    ('2/29/2024', false, false)
)

select *
from texts
where
    is_date <> ({{ round_trip_cast('sent', 'date') }} is not null)
    or is_time <> ({{ round_trip_cast('sent', 'timestamp') }} is not null)
