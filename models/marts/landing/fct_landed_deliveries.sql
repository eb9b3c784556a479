with deliveries as (
    select * from {{ ref('fct_deliveries') }}
),

-- A replay rejects again what still does not pass, so only its word counts.
replays as (
    select
        _parent_delivery_seq,
        max_by(n_rejected, _delivery_seq) as n_rejected_last
    from deliveries
    where status = 'replayed'
    group by _parent_delivery_seq
),

joined as (
    select
        deliveries.delivery_key,
        deliveries.feed,
        deliveries.n_records,
        coalesce(replays.n_rejected_last, deliveries.n_rejected) as n_open_rejects,
        deliveries.as_of_at,
        lag(deliveries.as_of_at) over (
            partition by deliveries.feed
            order by deliveries.as_of_at, deliveries._delivery_seq
        ) as previous_as_of_at,
        deliveries._delivery_seq
    from deliveries
    left join replays on deliveries._delivery_seq = replays._parent_delivery_seq
    where deliveries.status = 'landed'
),

measured as (
    select
        delivery_key,
        feed,
        n_records,
        n_open_rejects,
        case
            when previous_as_of_at < as_of_at
                then
                    {{ dbt.datediff('previous_as_of_at', 'as_of_at', 'second') }}
                    / 86400.0
        end as days_since_previous,
        as_of_at,
        _delivery_seq
    from joined
),

typed as (
    select
        delivery_key,
        feed,
        n_records,
        n_open_rejects,
        cast(days_since_previous as double) as days_since_previous,
        as_of_at,
        _delivery_seq
    from measured
)

select * from typed
