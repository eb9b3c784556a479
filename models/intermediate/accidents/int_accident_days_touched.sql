with touched as (
    select max(_change_seq) as _change_seq from {{ ref('int_accidents_touched') }}
),

dates as (
    select occurred_date from {{ ref('int_accident_row_fates') }}
    where occurred_date is not null
    group by occurred_date
),

-- Records decide together when an accident was and how grave: one that changes may move
-- it to the date of another that does not.
joined as (
    select
        dates.occurred_date,
        touched._change_seq
    from dates
    cross join touched
    where touched._change_seq is not null
)

select * from joined
