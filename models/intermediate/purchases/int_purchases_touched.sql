{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
) }}

with versions as {{ inlined() }} (
    select * from {{ ref('int_purchase_versions') }}
),

presence as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'purchases'
),

first_seen as (
    select
        identity_key,
        customer_key,
        event_date,
        _change_seq
    from versions
),

seen_again as (
    select
        versions.identity_key,
        versions.customer_key,
        versions.event_date,
        presence._change_seq
    from presence
    inner join versions
        on
            presence._row_hash = versions._row_hash
            and presence._copy = versions._copy
),

united as (
    select * from first_seen
    union all
    select * from seen_again
)

select * from united
{% if is_incremental() -%}
    where _change_seq > {{ built_change_seq() }}
{%- endif %}
