with source as (
    select * from {{ source('landing', 'deliveries') }}
),

renamed as (
    select
        -- keys
        delivery_seq,
        parent_seq,
        sha256,

        -- text
        feed,
        series,
        mode as delivery_mode,
        status,
        reason,
        detail,
        uri,
        member,
        layout,
        encoding,
        header,
        as_of_source,
        accepted_by,
        accepted_why,
        loader_version,
        duckdb_version,

        -- numbers
        n_bytes,
        n_records,
        n_new,
        n_known,
        n_absent,
        n_rejected,
        n_blank,
        n_header_lines,

        -- dates
        window_start,

        -- timestamps
        as_of,
        started_at as started_at_utc,
        finished_at as finished_at_utc,

        -- audit
        change_seq as _change_seq
    from source
)

select * from renamed
