{#-
    The state of each raw row of a window feed in successive deliveries: a query, to be the
    whole of a CTE. It reads what window_spells() reads, and gives one row per raw row and
    delivery that ends or begins a stay of it, by `change`.
    The last delivery that covers a date, or contains a row, decides whether it is there.
    A row goes with the first delivery that covers its date and lacks it: in its own chain
    that is a change that presence has; of a delivery that follows upon one which covers
    other dates (a run start) it is found here. Where all deliveries of a series cover the
    same, the changes are those of presence.
    Usage: row_changes as (
        {{ window_changes('versions', 'presences', 'deliveries') }}
    )
-#}
{% macro window_changes(versions, presences, deliveries) -%}
with row_deltas as (
    select
        versions.identity_key,
        versions._row_hash,
        versions._copy,
        versions.window_date,
        versions.set_aside_reason is null as is_readable,
        deliveries.series,
        deliveries.chain_number,
        deliveries.place,
        coalesce(deliveries.has_other_chains, false) as has_other_chains,
        coalesce(
            versions.window_date >= deliveries.window_start
            and versions.window_date <= deliveries.covers_to_date,
            true
        ) as is_covered,
        presences.change
    from {{ versions }} as versions
    inner join {{ presences }} as presences
        on
            versions._row_hash = presences._row_hash
            and versions._copy = presences._copy
    inner join {{ deliveries }} as deliveries
        on presences._delivery_seq = deliveries.delivery_seq
),

-- From here to `chained_changes` only what several chains speak of.
chain_deltas as (
    select * from row_deltas
    where has_other_chains
),

chain_rows as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        min(place) as first_place
    from chain_deltas
    group by identity_key, _row_hash, _copy, window_date, is_readable, series
),

chain_stays as (
    select
        identity_key,
        _row_hash,
        _copy,
        series,
        chain_number,
        change,
        place as came_place,
        coalesce(
            lead(place) over (
                partition by _row_hash, _copy, series, chain_number
                order by place
            ),
            2147483647
        ) as left_place
    from chain_deltas
),

-- What is known of an identity from a row of it in a delivery: if it is new, if they
-- follow upon other dates, or if another row of it has gone.
told_by_rows as (
    select
        identity_key,
        series,
        chain_number,
        place
    from chain_deltas
    where change = '+'
    union
    select
        chain_stays.identity_key,
        deliveries.series,
        deliveries.chain_number,
        deliveries.place
    from chain_stays
    inner join {{ deliveries }} as deliveries
        on
            chain_stays.series = deliveries.series
            and chain_stays.chain_number = deliveries.chain_number
            and chain_stays.came_place <= deliveries.place
            and chain_stays.left_place > deliveries.place
    where chain_stays.change = '+' and deliveries.is_run_start
    union
    select
        gone.identity_key,
        gone.series,
        gone.chain_number,
        gone.came_place as place
    from chain_stays as gone
    inner join chain_stays as held
        on
            gone.identity_key = held.identity_key
            and gone.series = held.series
            and gone.chain_number = held.chain_number
            and gone.came_place > held.came_place
            and gone.came_place < held.left_place
    where gone.change = '-' and held.change = '+'
),

-- Whom a delivery speaks of: if it is a run start, rows of dates that it covers, or that
-- the one before it in its chain did; and all rows of an identity of which it holds one,
-- or holds one no more.
told as (
    select
        chain_rows.*,
        deliveries.chain_number,
        deliveries.place,
        coalesce(chain_rows.window_date >= deliveries.window_start, true) as is_covered
    from chain_rows
    inner join {{ deliveries }} as deliveries
        on
            chain_rows.series = deliveries.series
            and chain_rows.first_place <= deliveries.place
            and coalesce(chain_rows.window_date >= deliveries.reaches_from_date, true)
            and coalesce(chain_rows.window_date <= deliveries.covers_to_date, true)
    where deliveries.is_run_start
    union all
    select
        chain_rows.*,
        told_by_rows.chain_number,
        told_by_rows.place,
        true as is_covered
    from chain_rows
    inner join told_by_rows
        on
            chain_rows.identity_key = told_by_rows.identity_key
            and chain_rows.series = told_by_rows.series
            and chain_rows.first_place <= told_by_rows.place
    union all
    select
        chain_rows.*,
        gone.chain_number,
        gone.place,
        false as is_covered
    from chain_rows
    inner join chain_deltas as gone
        on
            chain_rows.identity_key = gone.identity_key
            and chain_rows.series = gone.series
            and chain_rows.first_place <= gone.place
    where gone.change = '-' and not gone.is_covered
),

statements as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        chain_number,
        place,
        is_covered,
        change
    from chain_deltas
    union all
    select
        told.identity_key,
        told._row_hash,
        told._copy,
        told.window_date,
        told.is_readable,
        told.series,
        told.chain_number,
        told.place,
        told.is_covered,
        case when chain_stays.came_place is null then '-' else '+' end as change
    from told
    left join chain_stays
        on
            told._row_hash = chain_stays._row_hash
            and told._copy = chain_stays._copy
            and told.series = chain_stays.series
            and told.chain_number = chain_stays.chain_number
            and chain_stays.change = '+'
            and told.place >= chain_stays.came_place
            and told.place < chain_stays.left_place
),

departures_uncovered as (
    select * from statements
    where change = '-' and not is_covered
),

-- A row that left the dates that its chain covers has not gone while another chain covers
-- them, or holds any row of its event. (Its own chain does neither from then on.)
held_elsewhere as (
    select
        departures_uncovered._row_hash,
        departures_uncovered._copy,
        departures_uncovered.series,
        departures_uncovered.place
    from departures_uncovered
    inner join {{ deliveries }} as deliveries
        on
            departures_uncovered.series = deliveries.series
            and departures_uncovered.place > deliveries.place
            and departures_uncovered.place
            < coalesce(deliveries.next_place_of_chain, 2147483647)
            and departures_uncovered.window_date >= deliveries.window_start
            and coalesce(
                departures_uncovered.window_date <= deliveries.covers_to_date, true
            )
    union all
    select
        departures_uncovered._row_hash,
        departures_uncovered._copy,
        departures_uncovered.series,
        departures_uncovered.place
    from departures_uncovered
    inner join chain_stays
        on
            departures_uncovered.identity_key = chain_stays.identity_key
            and departures_uncovered.series = chain_stays.series
            and departures_uncovered.place > chain_stays.came_place
            and departures_uncovered.place < chain_stays.left_place
    where chain_stays.change = '+'
),

said_by_any_chain as (
    select
        statements.identity_key,
        statements._row_hash,
        statements._copy,
        statements.window_date,
        statements.is_readable,
        statements.series,
        statements.chain_number,
        statements.place,
        statements.change,
        max(case when statements.is_covered then 1 else 0 end) as is_covered
    from statements
    left join held_elsewhere
        on
            statements._row_hash = held_elsewhere._row_hash
            and statements._copy = held_elsewhere._copy
            and statements.series = held_elsewhere.series
            and statements.place = held_elsewhere.place
    where statements.change = '+' or statements.is_covered or held_elsewhere.place is null
    group by
        statements.identity_key,
        statements._row_hash,
        statements._copy,
        statements.window_date,
        statements.is_readable,
        statements.series,
        statements.chain_number,
        statements.place,
        statements.change
),

stays_numbered as (
    select
        *,
        lag(change) over (
            partition by _row_hash, _copy, series
            order by place
        ) as last_change,
        sum(case change when '+' then 1 else 0 end) over (
            partition by _row_hash, _copy, series
            order by place
        ) as stay_number,
        min(chain_number) over (partition by identity_key)
        <> max(chain_number) over (partition by identity_key) as is_of_several_chains
    from said_by_any_chain
),

-- A stay ends with the first delivery that covers the date and lacks the row, or else with
-- the first that does not cover it any more.
chained_changes as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        place,
        change,
        is_of_several_chains
    from stays_numbered
    where change = '+' and coalesce(last_change, '-') = '-'
    union all
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        coalesce(min(case when is_covered = 1 then place end), min(place)) as place,
        change,
        is_of_several_chains
    from stays_numbered
    where change = '-'
    group by
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        stay_number,
        change,
        is_of_several_chains
),

-- For each place and chain, the last delivery of that chain before.
chains_before as (
    select
        deliveries.series,
        deliveries.place,
        chains.chain_number,
        max(
            case
                when deliveries.chain_number = chains.chain_number then deliveries.place
            end
        ) over (
            partition by deliveries.series, chains.chain_number
            order by deliveries.place
            rows between unbounded preceding and 1 preceding
        ) as last_place
    from {{ deliveries }} as deliveries
    inner join (
        select distinct
            series,
            chain_number
        from {{ deliveries }} as deliveries
    ) as chains
        on deliveries.series = chains.series
),

-- The last delivery, of whatever chain, that held a row which has gone. What comes between
-- and is about other dates is none.
last_holders as (
    select
        chained_changes._row_hash,
        chained_changes._copy,
        chained_changes.series,
        chained_changes.place,
        max(chains_before.last_place) as last_place
    from chained_changes
    inner join chain_stays
        on
            chained_changes._row_hash = chain_stays._row_hash
            and chained_changes._copy = chain_stays._copy
            and chained_changes.series = chain_stays.series
            and chained_changes.place > chain_stays.came_place
    inner join chains_before
        on
            chain_stays.series = chains_before.series
            and chain_stays.chain_number = chains_before.chain_number
            and least(chain_stays.left_place, chained_changes.place)
            = chains_before.place
    where chained_changes.change = '-' and chain_stays.change = '+'
    group by
        chained_changes._row_hash,
        chained_changes._copy,
        chained_changes.series,
        chained_changes.place
),

changes as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        place,
        change,
        false as is_of_several_chains
    from row_deltas
    where not has_other_chains
    union all
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        place,
        change,
        is_of_several_chains
    from chained_changes
)

select
    changes.identity_key,
    changes._row_hash,
    changes._copy,
    changes.is_readable,
    changes.series,
    changes.place,
    deliveries.as_of,
    coalesce(holders.as_of, deliveries.previous_as_of) as last_held_at,
    -- Deliveries without rejects are counted by chain; what several chains speak of is
    -- taken as if none had any.
    case
        when changes.is_of_several_chains then changes.place
        else deliveries.n_clean_before
    end as n_clean_before,
    changes.change,
    case
        when deliveries.is_provisional then 'in_doubt'
        when
            changes.window_date < deliveries.window_start
            or changes.window_date > deliveries.covers_to_date
            then 'aged_out'
        else 'withdrawn'
    end as left_as
from changes
inner join {{ deliveries }} as deliveries
    on
        changes.series = deliveries.series
        and changes.place = deliveries.place
left join last_holders
    on
        changes._row_hash = last_holders._row_hash
        and changes._copy = last_holders._copy
        and changes.series = last_holders.series
        and changes.place = last_holders.place
left join {{ deliveries }} as holders
    on
        last_holders.series = holders.series
        and last_holders.last_place = holders.place
{%- endmacro %}
