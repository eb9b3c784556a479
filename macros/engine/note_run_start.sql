{#-
    SQL that notes, in the build file itself, that a run of dbt has begun, before it writes
    a model: until its end is noted, nothing of the file is published. See note_run_end
    and loaders/tested.py.
    Usage: on-run-start in dbt_project.yml
-#}
{% macro note_run_start() -%}
    {{ return(adapter.dispatch('note_run_start', 'eventmart')()) }}
{%- endmacro %}

{% macro default__note_run_start() -%}
{%- endmacro %}

{% macro duckdb__note_run_start() -%}
    create or replace table {{ target.database }}.meta.last_run (
        invocation_id varchar,
        ended_at timestamp,
        delivery_seq bigint,
        landed_at timestamp,
        n_checkpoints bigint,
        n_checkpoints_intermediate bigint
    );
    insert into {{ target.database }}.meta.last_run (invocation_id)
    values ('{{ invocation_id }}');
{%- endmacro %}
