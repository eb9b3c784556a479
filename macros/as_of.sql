{#-
    The state at the end of a day: var('as_of_date'), such as `2016-05-31`, leaves out
    every delivery with a later as-of, and the rows that only such deliveries contain. All
    models follow, because everything is built from these views. Without the variable,
    which is normal, nothing is left out.
    Usage: dbt build --vars '{as_of_date: 2016-05-31}', into a data folder of its own:
    eventmart as-of 2016-05-31
-#}

{#- The first moment that is too late, or none. -#}
{% macro as_of_end() -%}
    {%- set as_of_date = var('as_of_date', none) -%}
    {%- if as_of_date is none -%}
        {{ return(none) }}
    {%- elif not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', as_of_date | string) -%}
        {{ exceptions.raise_compiler_error('as_of_date is no date: ' ~ as_of_date) }}
    {%- endif -%}
    {{ return(dbt.dateadd('day', 1, "cast('" ~ as_of_date ~ "' as timestamp)")) }}
{%- endmacro %}

{#-
    The moment that freshness is measured from: the end of that day, or the newest as-of of
    any feed; an aggregate.
-#}
{% macro freshness_reference(as_of_at) -%}
    coalesce({{ as_of_end() or 'null' }}, max({{ as_of_at }}))
{%- endmacro %}

{#- The status of a ledger entry; `not_yet` if its as-of is after the end of that day. -#}
{% macro status_as_of(status) -%}
    {%- if as_of_end() is none -%}
        {{ status }}
    {%- else -%}
        case when as_of >= {{ as_of_end() }} then 'not_yet' else {{ status }} end
    {%- endif -%}
{%- endmacro %}

{#- Of a table with a delivery's number in `column`: what those deliveries brought. -#}
{% macro where_delivered_by_then(column) -%}
    {%- if as_of_end() is not none -%}
        where {{ column }} in (
            select deliveries.delivery_seq
            from {{ ref('stg_landing__deliveries') }} as deliveries
            where deliveries.status not in ('not_yet', 'withdrawn')
        )
    {%- endif -%}
{%- endmacro %}

{#-
    Of raw rows: those that a delivery holds, in that it was read first or not. What only
    withdrawn ones hold has the change number 0.
-#}
{% macro where_held_by_then() -%}
    where _change_seq is distinct from 0
    {%- if as_of_end() is not none %}
        and (
            _delivery_seq in (
                select deliveries.delivery_seq
                from {{ ref('stg_landing__deliveries') }} as deliveries
                where deliveries.status not in ('not_yet', 'withdrawn')
            )
            or (_row_hash, _copy) in (
                select
                    presences._row_hash,
                    presences._copy
                from {{ ref('stg_landing__presences') }} as presences
            )
        )
    {%- endif -%}
{%- endmacro %}
