{#-
    What each delivery states of raw rows that several chains speak of: a query, to be the
    whole of a CTE, for window_changes(). It reads the deltas of these rows, their stays by
    chain_stays(), and the feed's deliveries, and gives one row per raw row and delivery
    that says whether it holds the row (`change`), and by its dates or not (`is_covered`).
-#}
{% macro chain_statements(deltas, stays, deliveries) -%}
with chain_rows as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        min(place) as first_place
    from {{ deltas }} as chain_deltas
    group by identity_key, _row_hash, _copy, window_date, is_readable, series
),

-- What is known of an identity from a row of it in a delivery: if it is new, if they
-- follow upon other dates, or if another row of it has gone.
told_by_rows as (
    select
        identity_key,
        series,
        chain_number,
        place
    from {{ deltas }} as chain_deltas
    where change = '+'
    union
    select
        chain_stays.identity_key,
        deliveries.series,
        deliveries.chain_number,
        deliveries.place
    from {{ stays }} as chain_stays
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
    from {{ stays }} as gone
    inner join {{ stays }} as held
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
    inner join {{ deltas }} as gone
        on
            chain_rows.identity_key = gone.identity_key
            and chain_rows.series = gone.series
            and chain_rows.first_place <= gone.place
    where gone.change = '-' and not gone.is_covered
)

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
from {{ deltas }} as chain_deltas
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
left join {{ stays }} as chain_stays
    on
        told._row_hash = chain_stays._row_hash
        and told._copy = chain_stays._copy
        and told.series = chain_stays.series
        and told.chain_number = chain_stays.chain_number
        and chain_stays.change = '+'
        and told.place >= chain_stays.came_place
        and told.place < chain_stays.left_place
{%- endmacro %}
