with deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where status <> 'not_yet'
),

keyed as (
    select
        {{ surrogate_key(['delivery_seq']) }} as delivery_key,
        sha256,
        feed,
        series,
        delivery_mode,
        status,
        reason,
        uri,
        member,
        layout,
        encoding,
        as_of_source,
        covers_source,
        accepted_by,
        accepted_why,
        loader_version,
        duckdb_version,
        {% for count in [
            'bytes', 'records', 'new', 'known', 'absent', 'withdrawn', 'aged_out',
            'untyped', 'padded', 'rejected', 'open_rejects', 'blank', 'header_lines'
        ] -%}
            coalesce(n_{{ count }}, 0) as n_{{ count }},
        {% endfor -%}
        window_start as window_start_date,
        covers_from_date,
        covers_to_date,
        as_of as as_of_at,
        started_at_utc,
        finished_at_utc,
        delivery_seq as _delivery_seq,
        parent_seq as _parent_delivery_seq,
        _change_seq
    from deliveries
)

select * from keyed
