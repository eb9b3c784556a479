{#-
    On the model of row fates of a feed: raw rows that have no fate, and counts that do
    not agree: of raw rows with their versions and fates, of current versions with the
    rows of the fact. Counts are of everything; fates are looked up for the days that were
    touched since they passed. A row may stand for several rows of the fact, as many as
    the column `units` has.
    Usage: - accounts_for_every_row:
               arguments:
                 {rows: ref('stg_...'), versions: ref('int_...'), fact: ref('fct_...')}
-#}
{% test accounts_for_every_row(model, rows, versions, fact, units=none) %}
{%- set counted = 'coalesce(sum(' ~ units ~ '), 0)' if units else 'count(*)' %}
{%- set untested = untested_days() or 'true' %}

with fates as (
    select * from {{ model }}
    where {{ untested }}
),

versions as (
    select * from {{ versions }}
    where {{ untested }}
),

counts as (
    select
        (select count(*) from {{ rows }}) as n_raw_rows,
        (select count(*) from {{ versions }}) as n_versions,
        (select count(*) from {{ model }}) as n_fates,
        -- By what is not current: of most of a large table its bounds say it has none.
        (select {{ counted }} from {{ model }}) - (
            select {{ counted }} from {{ model }}
            where fate in ('superseded', 'duplicate', 'set_aside')
        ) as n_current,
        (select count(*) from {{ fact }}) as n_facts
),

failures as (
    select 'row without fate' as failure
    from versions
    left join fates
        on versions._row_hash = fates._row_hash and versions._copy = fates._copy
    where fates.fate is null
    union all
    select 'as many versions as raw rows' as failure
    from counts
    where n_versions <> n_raw_rows
    union all
    select 'as many fates as raw rows' as failure
    from counts
    where n_fates <> n_raw_rows
    union all
    select 'as many facts as current versions' as failure
    from counts
    where n_facts <> n_current
)

select * from failures

{% endtest %}
