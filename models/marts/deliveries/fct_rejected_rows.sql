{#- In the file that is not published: what is published has no personal column. -#}
{{ config(database='intermediate') }}

with rejects as (
    select * from {{ ref('stg_landing__rejects') }}
),

keyed as (
    select
        {{ surrogate_key(['delivery_seq', '_line', 'byte_offset']) }}
            as rejected_row_key,
        {{ surrogate_key(['delivery_seq']) }} as delivery_key,
        feed,
        reason,
        detail,
        raw_text,
        byte_offset,
        delivery_seq as _delivery_seq,
        _line
    from rejects
)

select * from keyed
