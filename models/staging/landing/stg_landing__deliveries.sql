with source as (
    select * from {{ source('landing', 'deliveries') }}
),

-- A replay changes the delivery that it is of, and rejects again what does not pass.
replays as (
    select
        parent_seq as replayed_seq,
        max_by(n_rejected, delivery_seq) as n_rejected_last,
        max(change_seq) as change_seq_last
    from source
    where status = 'replayed'
    group by parent_seq
),

-- The last word on a delivery that was taken out.
withdrawals as (
    select parent_seq as withdrawn_seq
    from source
    where status in ('withdrawal', 'withdrawal_undone')
    group by parent_seq
    having max_by(status, delivery_seq) = 'withdrawal'
),

joined as (
    select
        source.*,
        case
            when withdrawals.withdrawn_seq is null then source.status
            else 'withdrawn'
        end as standing,
        replays.n_rejected_last,
        replays.change_seq_last
    from source
    left join replays on source.delivery_seq = replays.replayed_seq
    left join withdrawals on source.delivery_seq = withdrawals.withdrawn_seq
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
        {{ status_as_of('standing') }} as status,
        reason,
        uri,
        member,
        layout,
        encoding,
        header,
        as_of_source,
        covers_source,
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
        coalesce(n_withdrawn, 0) as n_withdrawn,
        coalesce(n_aged_out, 0) as n_aged_out,
        coalesce(n_untyped, 0) as n_untyped,
        coalesce(n_padded, 0) as n_padded,
        n_rejected,
        case
            when {{ status_as_of('standing') }} = 'landed'
                then coalesce(n_rejected_last, n_rejected)
            else 0
        end as n_open_rejects,
        n_blank,
        n_damaged as n_damaged_ids,
        n_header_lines,

        -- dates
        window_start,
        covers_from as covers_from_date,
        covers_to as covers_to_date,

        -- timestamps
        as_of,
        started_at as started_at_utc,
        finished_at as finished_at_utc,

        -- audit
        coalesce(change_seq_last, change_seq) as _change_seq
    from joined
)

select * from renamed
