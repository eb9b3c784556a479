{#-
    SQL that notes, in the build file itself, that a run of dbt has begun, before it writes
    a model: until its end is noted, nothing of the file is published. See note_run_end
    and loaders/publishing/tested.py. And by which landing: where it is not the one that
    was noted last, grown since, its sequences mean other rows now, and what is built from
    it gets another definition. See loaders/landing/chain.py and held_states().
    Usage: on-run-start in dbt_project.yml
-#}
{% macro note_run_start() -%}
    {{ return(adapter.dispatch('note_run_start', 'eventmart')()) }}
{%- endmacro %}

{% macro default__note_run_start() -%}
{%- endmacro %}

{% macro duckdb__note_run_start() -%}
    {%- set noted -%}
        select coalesce({{ is_noted_landing() }}, false)
        from {{ target.database }}.meta.built_from
    {%- endset -%}
    {%- set found = run_query(noted).rows if execute else [] -%}
    {%- if found and not found[0][0] -%}
        {%- do print(
            'landing is not what was built from: it is another, or was put back from a '
            ~ 'copy; every model is built anew'
        ) -%}
    {%- endif -%}
    {%- if not found or not found[0][0] -%}
    delete from {{ target.database }}.meta.built_from;
    insert into {{ target.database }}.meta.built_from (branch) values ('{{ invocation_id }}');
    {%- endif %}
    {{ note_tip() }}
    create or replace table {{ target.database }}.meta.last_run (
        invocation_id varchar,
        ended_at timestamp,
        tip varchar,
        n_checkpoints bigint,
        n_checkpoints_intermediate bigint
    );
    insert into {{ target.database }}.meta.last_run (invocation_id, tip)
    select
        '{{ invocation_id }}',
        built_from.tip
    from {{ target.database }}.meta.built_from;
{%- endmacro %}

{#- SQL that notes the landing that is there, unless another was noted. -#}
{% macro note_tip() -%}
    update {{ target.database }}.meta.built_from
    set tip = (
        select max_by(links.hash, links.delivery_seq)
        from landing.raw.ledger_chain as links
    )
    where built_from.tip is null or {{ is_noted_landing() }};
{%- endmacro %}

{#- Whether what is noted in meta.built_from is the landing that is there, or was it. -#}
{% macro is_noted_landing() -%}
    built_from.tip in (select links.hash from landing.raw.ledger_chain as links)
{%- endmacro %}
