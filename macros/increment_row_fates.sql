{#-
    Each raw row of an increment feed with its one fate: a query, to be the whole of a CTE.
    It reads
    - versions: all versions of the identities in question, with identity_key and
      set_aside_reason;
    - presences: the feed's presence changes; deliveries: those of the ledger.
    Of rows of an identity that differ, those of one delivery are current:
    - is_identified: of the last that landed, which so corrects earlier ones: the newest
      event in a file does not say when the file was written. One row is current, others
      beside it are duplicates, those before it superseded. If `are_apart`, rows beside it
      that differ are current too, as two events of the same things at one moment are;
    - else identical rows are so many events, as two units of one purchase: of the
      delivery that has most of them, of several the one of the latest as-of. All other
      rows are duplicates. If `knows_more` names a boolean column of `versions`, a delivery
      with a row of the identity for which it is true comes before one without.
    It gives the columns of `versions` and fate.
    Usage: fates as (
        {{ increment_row_fates(
            'versions', 'presences', 'deliveries', is_identified=true
        ) }}
    )
-#}
{% macro increment_row_fates(
    versions, presences, deliveries, is_identified, are_apart=false, knows_more='false'
) -%}
{%- set known = 'compared.' ~ knows_more if knows_more != 'false' else 'false' %}
with
-- Copies of one row are numbered within a delivery, so their number is already the
-- most that one delivery held. Rows that differ need a look at presence.
compared as (
    select
        *,
        min(_row_hash) over (partition by identity_key)
        <> max(_row_hash) over (partition by identity_key) as has_different_rows
    from {{ versions }} as versions
),

-- A delivery holds the rows first read in it, and those that it repeats. (A row that
-- passed in a replay is held by the delivery replayed: presence says so.)
presence_of_different_rows as (
    select
        compared.identity_key,
        compared._row_hash,
        compared._copy,
        compared._delivery_seq,
        {{ known }} as knows_more
    from compared
    inner join {{ deliveries }} as deliveries
        on compared._delivery_seq = deliveries.delivery_seq
    where compared.has_different_rows and deliveries.status = 'landed'
    union all
    select
        compared.identity_key,
        presences._row_hash,
        presences._copy,
        presences._delivery_seq,
        {{ known }} as knows_more
    from compared
    inner join {{ presences }} as presences
        on
            compared._row_hash = presences._row_hash
            and compared._copy = presences._copy
    where compared.has_different_rows
),

counted as (
    select
        identity_key,
        _delivery_seq,
        count(*) as n_rows,
        bool_or(knows_more) as knows_more
    from presence_of_different_rows
    group by identity_key, _delivery_seq
),

ranked_deliveries as (
    select
        counted.identity_key,
        counted._delivery_seq,
        row_number() over (
            partition by counted.identity_key
            order by
                {%- if not is_identified %}
                counted.knows_more desc,
                counted.n_rows desc,
                deliveries.as_of desc,
                {%- endif %}
                counted._delivery_seq desc
        ) as delivery_rank
    from counted
    inner join {{ deliveries }} as deliveries
        on counted._delivery_seq = deliveries.delivery_seq
),

latest_rows as (
    select
        presence_of_different_rows._row_hash,
        presence_of_different_rows._copy
    from presence_of_different_rows
    inner join ranked_deliveries
        on
            presence_of_different_rows.identity_key = ranked_deliveries.identity_key
            and presence_of_different_rows._delivery_seq
            = ranked_deliveries._delivery_seq
    where ranked_deliveries.delivery_rank = 1
),

placed as (
    select
        compared.*,
        not compared.has_different_rows or latest_rows._row_hash is not null
            as is_latest
    from compared
    left join latest_rows
        on
            compared._row_hash = latest_rows._row_hash
            and compared._copy = latest_rows._copy
)
{%- if is_identified %},

ranked as (
    select
        *,
        row_number() over (
            partition by identity_key, is_latest{{ ', _row_hash' if are_apart }}
            order by _row_hash, _copy
        ) as row_rank
    from placed
)
{%- endif %}

select
    *,
    case
        when set_aside_reason is not null then 'set_aside'
        when not is_latest then '{{ 'superseded' if is_identified else 'duplicate' }}'
        {%- if is_identified %}
        when row_rank > 1 then 'duplicate'
        {%- endif %}
        else 'current_version'
    end as fate
from {{ 'ranked' if is_identified else 'placed' }}
{%- endmacro %}
