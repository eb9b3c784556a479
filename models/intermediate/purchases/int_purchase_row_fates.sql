{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with versions as (
    select * from {{ ref('int_purchase_versions') }}
    {% if is_incremental() -%}
        -- All versions of what changed, not only the changed ones.
        where (identity_key, event_date) in (
            select
                touched.identity_key,
                touched.event_date
            from {{ ref('int_purchases_touched') }} as touched
            where touched._change_seq > {{ built_change_seq() }}
        )
    {%- endif %}
),

presence as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'purchases'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
),

-- Copies of one row are numbered within a delivery, so their number is already the
-- most that one delivery held. Rows that differ (in fc_number) need a look at presence.
compared as (
    select
        *,
        min(_row_hash) over (partition by identity_key)
        <> max(_row_hash) over (partition by identity_key) as has_different_rows
    from versions
),

-- A delivery holds the rows first read in it, and those that it repeats. (A row that
-- passed in a replay is held by the delivery replayed: presence says so.)
presence_of_different_rows as (
    select
        compared.identity_key,
        compared._row_hash,
        compared._copy,
        compared._delivery_seq
    from compared
    inner join deliveries
        on compared._delivery_seq = deliveries.delivery_seq
    where compared.has_different_rows and deliveries.status = 'landed'
    union all
    select
        compared.identity_key,
        presence._row_hash,
        presence._copy,
        presence._delivery_seq
    from compared
    inner join presence
        on
            compared._row_hash = presence._row_hash
            and compared._copy = presence._copy
    where compared.has_different_rows
),

counted as (
    select
        identity_key,
        _delivery_seq,
        count(*) as n_units
    from presence_of_different_rows
    group by identity_key, _delivery_seq
),

ranked as (
    select
        counted.identity_key,
        counted._delivery_seq,
        row_number() over (
            partition by counted.identity_key
            order by
                counted.n_units desc,
                deliveries.as_of desc,
                counted._delivery_seq desc
        ) as delivery_rank
    from counted
    inner join deliveries on counted._delivery_seq = deliveries.delivery_seq
),

current_rows as (
    select
        presence_of_different_rows._row_hash,
        presence_of_different_rows._copy
    from presence_of_different_rows
    inner join ranked
        on
            presence_of_different_rows.identity_key = ranked.identity_key
            and presence_of_different_rows._delivery_seq = ranked._delivery_seq
    where ranked.delivery_rank = 1
),

fated as (
    select
        compared.*,
        case
            when compared.set_aside_reason is not null then 'set_aside'
            when not compared.has_different_rows then 'current_version'
            when current_rows._row_hash is not null then 'current_version'
            else 'duplicate'
        end as fate
    from compared
    left join current_rows
        on
            compared._row_hash = current_rows._row_hash
            and compared._copy = current_rows._copy
)

select * from fated
order by event_date
