with versions as (
    select * from {{ ref('int_purchase_versions') }}
),

presence as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'purchases'
),

repeating_deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'purchases' and (n_known > 0 or n_open_rejects < n_rejected)
),

first_seen as (
    select
        identity_key,
        event_date,
        _change_seq
    from versions
),

-- Looked up only for deliveries that repeat rows or were replayed: hardly any is, and finding a row by
-- its hash reads the whole history.
seen_again as (
    select
        versions.identity_key,
        versions.event_date,
        presence._change_seq
    from presence
    inner join repeating_deliveries
        on presence._delivery_seq = repeating_deliveries.delivery_seq
    inner join versions
        on
            presence._row_hash = versions._row_hash
            and presence._copy = versions._copy
    where presence._delivery_seq <> versions._delivery_seq
),

united as (
    select * from first_seen
    union all
    select * from seen_again
)

select * from united
