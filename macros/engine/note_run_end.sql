{#-
    SQL that notes, in the build file itself, that the run has ended, how far the ledger
    went, and how often both files were written: who writes one later counts on. It is the
    last hook: what is written after it, no test has seen.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro note_run_end() -%}
    {{ return(adapter.dispatch('note_run_end', 'eventmart')()) }}
{%- endmacro %}

{% macro default__note_run_end() -%}
{%- endmacro %}

{% macro duckdb__note_run_end() -%}
    checkpoint {{ target.database }};
    checkpoint intermediate;
    update {{ target.database }}.meta.last_run
    set
        ended_at = now() at time zone 'UTC',
        delivery_seq = ledger.delivery_seq,
        landed_at = ledger.landed_at,
        -- And once more, for this is written itself.
        n_checkpoints = {{ checkpoints_of(target.database) }} + 1,
        n_checkpoints_intermediate = {{ checkpoints_of('intermediate') }}
    from (
        select
            max(deliveries.delivery_seq) as delivery_seq,
            max(deliveries.finished_at) as landed_at
        from landing.raw.deliveries as deliveries
    ) as ledger;
    checkpoint {{ target.database }};
{%- endmacro %}

{#- How often the file of an attached database was written: see loaders/fingerprint.py. -#}
{% macro checkpoints_of(database) -%}
    n_checkpoints(
        (select path from duckdb_databases() where database_name = '{{ database }}')
    )
{%- endmacro %}
