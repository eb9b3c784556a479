{#-
    On the model of row fates of a feed: raw rows that have no fate, and counts that do
    not agree: of fates with raw rows, of current versions with the rows of the fact.
    Usage: - accounts_for_every_row:
               arguments: {rows: ref('stg_...'), fact: ref('fct_...')}
-#}
{% test accounts_for_every_row(model, rows, fact) %}

with fates as (
    select * from {{ model }}
),

raw_rows as (
    select * from {{ rows }}
),

counts as (
    select
        (select count(*) from raw_rows) as n_raw_rows,
        (select count(*) from fates) as n_fates,
        (select count(*) from fates where fate = 'current_version') as n_current,
        (select count(*) from {{ fact }}) as n_facts
),

failures as (
    select 'raw row without fate' as failure
    from raw_rows
    left join fates
        on raw_rows._row_hash = fates._row_hash and raw_rows._copy = fates._copy
    where fates.fate is null
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
