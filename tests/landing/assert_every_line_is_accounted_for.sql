-- A returned row is a delivery whose records do not add up: lines were lost, invented
-- or counted twice between the file and the landing. Of every feed, whether models read
-- it or not.
with deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
),

rejects as (
    select * from {{ ref('stg_landing__rejects') }}
),

first_read as (
    select * from {{ ref('stg_landing__rows_by_delivery') }}
),

changes as (
    select
        _delivery_seq,
        count(*) as n_changes,
        sum(case when change = '+' then 1 else -1 end) as n_net
    from presences
    group by _delivery_seq
),

refused as (
    select
        delivery_seq,
        count(*) as n_rows
    from rejects
    group by delivery_seq
),

joined as (
    select
        deliveries.*,
        coalesce(first_read.n_rows, 0) as n_first_read,
        coalesce(refused.n_rows, 0) as n_refused,
        coalesce(changes.n_changes, 0) as n_changes,
        coalesce(changes.n_net, 0) as n_net
    from deliveries
    left join first_read on deliveries.delivery_seq = first_read.delivery_seq
    left join refused on deliveries.delivery_seq = refused.delivery_seq
    left join changes on deliveries.delivery_seq = changes._delivery_seq
),

replayed as (
    select
        parent_seq,
        sum(n_new + n_known) as n_passed
    from deliveries
    where status = 'replayed'
    group by parent_seq
),

-- What a delivery holds: its own rows, or what the changes of its chain up to it leave.
-- Those that cover the same dates, or state none, are a chain.
held as (
    select
        *,
        case
            when delivery_mode = 'increment' then n_first_read + n_net
            else sum(n_net) over (
                partition by feed, series, covers_from_date, covers_to_date
                order by as_of, delivery_seq
                rows between unbounded preceding and current row
            )
        end as n_held
    from joined
    where status = 'landed'
),

held_with_replays as (
    select
        held.*,
        coalesce(replayed.n_passed, 0) as n_passed
    from held
    left join replayed on held.delivery_seq = replayed.parent_seq
),

broken_laws as (
    select
        'records = new + known + rejected + blank' as broken_law,
        delivery_seq
    from joined
    where
        status in ('landed', 'replayed', 'withdrawn')
        and n_records <> n_new + n_known + n_rejected + n_blank
    union all
    select
        'rows held = new + known + passed in replays' as broken_law,
        delivery_seq
    from held_with_replays
    where n_held <> n_new + n_known + n_passed
    union all
    select
        'rejects = passed in replays + still open' as broken_law,
        delivery_seq
    from held_with_replays
    where n_rejected <> n_passed + n_open_rejects
    union all
    select
        'rows first read = new' as broken_law,
        delivery_seq
    from joined
    where status in ('landed', 'replayed', 'withdrawn') and n_first_read <> n_new
    union all
    select
        'rejects kept = rejected' as broken_law,
        delivery_seq
    from joined
    where status in ('landed', 'replayed', 'withdrawn') and n_refused <> n_rejected
    union all
    select
        'what did not land changed nothing' as broken_law,
        delivery_seq
    from joined
    where
        status not in ('landed', 'replayed', 'withdrawn')
        and n_first_read + n_changes > 0
),

named as (
    select
        deliveries.feed,
        broken_laws.broken_law,
        deliveries.delivery_seq,
        deliveries.uri,
        deliveries.member
    from broken_laws
    inner join deliveries on broken_laws.delivery_seq = deliveries.delivery_seq
)

select * from named
