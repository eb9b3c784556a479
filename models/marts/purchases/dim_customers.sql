{#- In the file that is not published: what is published has no personal column. -#}
{{ config(
    materialized='incremental',
    database='intermediate',
    incremental_strategy='append',
    on_schema_change='fail',
) }}

with purchases as (
    select * from {{ ref('stg_vending__purchases') }}
    {% if is_incremental() -%}
        where _change_seq > {{ built_change_seq() }}
    {%- endif %}
),

cards as (
    select
        customer_key,
        card_hash
    from purchases
    where card_hash is not null and set_aside_reason is null
    group by
        customer_key,
        card_hash
    union all
    select
        {{ surrogate_key(['null']) }} as customer_key,
        null as card_hash
),

customers as (
    select
        customer_key,
        card_hash,
        card_hash is not null as is_known
    from cards
),

new_customers as (
    select * from customers
    {% if is_incremental() -%}
        where customer_key not in (select held.customer_key from {{ this }} as held)
    {%- endif %}
)

select * from new_customers
