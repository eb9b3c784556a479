-- A returned row is a key that two different lists of parts share, or a key that is not
-- the md5 it is documented to be.
with parts (first_part, second_part) as (
    values
    ('a', 'bc'),
    ('ab', 'c'),
    ('abc', ''),
    ('abc', null),
    (null, 'abc'),
    ('', 'abc'),
    ('a1:b', 'c'),
    ('a', '1:bc'),
    ('~', ''),
    (null, null)
),

keyed as (
    select
        *,
        {{ surrogate_key(['first_part', 'second_part']) }} as list_key
    from parts
),

counted as (
    select
        *,
        count(*) over (partition by list_key) as n_lists
    from keyed
)

select *
from counted
where
    n_lists > 1
    or (
        first_part = 'a'
        and second_part = 'bc'
        and list_key <> {{ md5_uuid("'1:a2:bc'") }}
    )
