-- A returned row is bytes whose text says something else, or could steer a terminal.
with samples as (
    select
        cast('a\xE9\x1B[31m\x0A' as blob) as raw_bytes,
        'a\xE9\x1B[31m\x0A' as expected
)

select *
from samples
where {{ printable('raw_bytes') }} <> expected
