with changes as (
    select * from {{ ref('fct_figure_changes') }}
    where cause in ('delivery', 'both')
),

deliveries as (
    select * from {{ ref('fct_deliveries') }}
),

-- Builds between which nothing was delivered have no impact of deliveries to show.
last_changes as (
    select
        *,
        max(build_number) over () as last_build_number
    from changes
),

landed as (
    select
        last_changes.build_number,
        count(distinct deliveries.delivery_key) as n_deliveries
    from last_changes
    inner join deliveries
        on
            last_changes._change_seq_before < deliveries._change_seq
            and last_changes._change_seq >= deliveries._change_seq
    where last_changes.build_number = last_changes.last_build_number
    group by last_changes.build_number
),

moved as (
    select
        last_changes.figure_change_key,
        last_changes.feed,
        last_changes.figure,
        last_changes.slice_kind,
        last_changes.slice,
        landed.n_deliveries,
        last_changes.value_before,
        last_changes.value_after,
        coalesce(last_changes.value_after, 0) - coalesce(last_changes.value_before, 0)
            as difference,
        (last_changes.value_after - last_changes.value_before)
        / nullif(last_changes.value_before, 0) as relative_difference,
        last_changes.cause = 'both' as has_changed_definition
    from last_changes
    inner join landed on last_changes.build_number = landed.build_number
)

select * from moved
