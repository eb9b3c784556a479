{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='fail',
) }}

with figures as (
    select count(*) as n_figures
    from {{ ref('fct_figures') }}
),

earlier_builds as (
    {% if is_incremental() -%}
        select max(held.build_number) as build_number
        from {{ this }} as held
    {%- else -%}
        select cast(null as integer) as build_number
    {%- endif %}
),

builds as (
    select
        cast(coalesce(earlier_builds.build_number, 0) + 1 as integer) as build_number,
        '{{ built_state("fct_figures", "definition") }}' as definition,
        cast({{ built_state("fct_figures", "built_change_seq") or 0 }} as bigint)
            as _change_seq,
        figures.n_figures
    from earlier_builds
    cross join figures
)

select * from builds
