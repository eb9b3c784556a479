{#-
    When each raw row that several chains speak of comes and goes: a query, to be the whole
    of a CTE, for window_changes(). It reads the deltas of these rows, their stays by
    chain_stays(), and the feed's deliveries, and gives one row per raw row and delivery
    with which a stay of it begins or ends, by `change`.
-#}
{% macro chain_changes(deltas, stays, deliveries) -%}
with statements as (
    {{ chain_statements(deltas, stays, deliveries) }}
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
    inner join {{ stays }} as chain_stays
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
)

-- A stay ends with the first delivery that covers the date and lacks the row, or else with
-- the first that does not cover it any more.
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
{%- endmacro %}
