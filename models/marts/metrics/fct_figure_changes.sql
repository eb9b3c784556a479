{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='fail',
) }}

with figures as (
    select * from {{ ref('fct_figures') }}
),

builds as (
    select * from {{ ref('fct_builds') }}
),

compared_builds as (
    select
        *,
        lag(definition) over (order by build_number) as definition_before,
        lag(_change_seq) over (order by build_number) as _change_seq_before,
        row_number() over (order by build_number desc) as recency
    from builds
),

last_build as (
    select
        build_number,
        _change_seq_before,
        _change_seq,
        case
            when definition_before is null then 'first'
            when definition = definition_before then 'delivery'
            when _change_seq = _change_seq_before then 'definition'
            else 'both'
        end as cause
    from compared_builds
    where recency = 1
),

recorded as (
    {% if is_incremental() -%}
        select
            held.figure_key,
            held.feed,
            held.figure,
            held.slice_kind,
            held.slice,
            held.value_after,
            row_number() over (
                partition by held.figure_key
                order by held.build_number desc
            ) as recency
        from {{ this }} as held
    {%- else -%}
        select
            figure_key,
            feed,
            figure,
            slice_kind,
            slice,
            figure_value as value_after,
            1 as recency
        from figures
        where false
    {%- endif %}
),

last_recorded as (
    select * from recorded
    where recency = 1
),

changed as (
    select
        coalesce(figures.figure_key, last_recorded.figure_key) as figure_key,
        coalesce(figures.feed, last_recorded.feed) as feed,
        coalesce(figures.figure, last_recorded.figure) as figure,
        coalesce(figures.slice_kind, last_recorded.slice_kind) as slice_kind,
        coalesce(figures.slice, last_recorded.slice) as slice,
        last_recorded.value_after as value_before,
        figures.figure_value as value_after
    from figures
    full outer join last_recorded
        on figures.figure_key = last_recorded.figure_key
    where figures.figure_value is distinct from last_recorded.value_after
),

caused as (
    select
        {{ surrogate_key(['changed.figure_key', 'last_build.build_number']) }}
            as figure_change_key,
        changed.figure_key,
        changed.feed,
        changed.figure,
        changed.slice_kind,
        changed.slice,
        last_build.cause,
        last_build.build_number,
        changed.value_before,
        changed.value_after,
        last_build._change_seq_before,
        last_build._change_seq
    from changed
    cross join last_build
)

select * from caused
