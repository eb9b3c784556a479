with deliveries as (
    select * from {{ ref('fct_deliveries') }}
),

ordered as (
    select
        delivery_key,
        feed,
        n_records,
        n_open_rejects,
        as_of_at,
        lag(as_of_at) over (
            partition by feed
            order by as_of_at, _delivery_seq
        ) as previous_as_of_at,
        _delivery_seq
    from deliveries
    where status = 'landed'
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
                    cast({{ dbt.datediff(
                        'previous_as_of_at', 'as_of_at', 'second'
                    ) }} as double) / 86400
        end as days_since_previous,
        as_of_at,
        _delivery_seq
    from ordered
)

select * from measured
