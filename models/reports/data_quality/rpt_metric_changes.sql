with changes as (
    select * from {{ ref('fct_figure_changes') }}
    where cause in ('definition', 'both')
),

moved as (
    select
        figure_change_key,
        feed,
        figure,
        slice_kind,
        slice,
        build_number,
        value_before,
        value_after,
        coalesce(value_after, 0) - coalesce(value_before, 0) as difference,
        (value_after - value_before) / nullif(value_before, 0) as relative_difference,
        cause = 'both' as has_new_deliveries
    from changes
)

select * from moved
