-- A returned row is a Denver wall-clock time whose instant or quality is wrong. Half
-- past two does not exist in spring; half past one in autumn has two instants, any of
-- which will do.
with samples (sent, instant, quality) as (
    values
    ('2024-01-15 12:00:00', '2024-01-15 19:00:00', 'assumed_zone'),
    ('2024-07-15 12:00:00', '2024-07-15 18:00:00', 'assumed_zone'),
    ('2024-03-10 02:30:00', '2024-03-10 09:30:00', 'nonexistent'),
    ('2024-03-10 03:00:00', '2024-03-10 09:00:00', 'assumed_zone'),
    ('2024-11-03 01:30:00', null, 'ambiguous'),
    ('2024-11-03 00:59:59', '2024-11-03 06:59:59', 'assumed_zone'),
    ('2024-11-03 02:00:00', '2024-11-03 09:00:00', 'assumed_zone'),
    (null, null, null)
),

times as (
    select
        cast(sent as timestamp) as wall_clock,
        cast(instant as timestamp) as instant,
        quality
    from samples
),

converted as (
    select
        *,
        {{ utc_instant('wall_clock', 'America/Denver') }} as actual_instant,
        {{ time_quality('wall_clock', 'America/Denver') }} as actual_quality,
        {{ time_quality('wall_clock', 'America/Denver', is_date_only='true') }}
            as quality_of_a_date
    from times
)

select *
from converted
where
    quality is distinct from actual_quality
    or (instant is not null and instant <> actual_instant)
    or (
        quality = 'ambiguous'
        and {{ local_time('actual_instant', 'America/Denver') }} <> wall_clock
    )
    or (wall_clock is not null and quality_of_a_date <> 'date_only')
