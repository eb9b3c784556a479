-- A returned row is a text that was not cleaned as it should be.
with texts (sent, expected) as (
    values
    ('a b', 'a b'),
    ('  a b ', 'a b'),
    (chr(9) || 'a' || chr(13) || chr(10), 'a'),
    (chr(160) || 'a' || chr(160), 'a'),
    ('   ', null),
    ('', null),
    (null, null)
)

select *
from texts
where expected is distinct from {{ clean_text('sent') }}
