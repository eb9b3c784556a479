{#-
    SQL that notes, in the build file itself, that the run has ended, how far the ledger
    went, and how often both files were written: any later write changes that number. It
    is the last hook: no test has seen rows that are written after it. A run during which
    another landing was put in the place of the one that it began with has not ended.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro note_run_end() -%}
    {{ return(adapter.dispatch('note_run_end', 'eventmart')()) }}
{%- endmacro %}

{% macro default__note_run_end() -%}
{%- endmacro %}

{% macro duckdb__note_run_end() -%}
    {{ note_tip() }}
    checkpoint {{ target.database }};
    checkpoint intermediate;
    update {{ target.database }}.meta.last_run
    set
        ended_at = now() at time zone 'UTC',
        -- And once more, for this is written itself.
        n_checkpoints = {{ checkpoints_of(target.database) }} + 1,
        n_checkpoints_intermediate = {{ checkpoints_of('intermediate') }}
    from {{ target.database }}.meta.built_from
    where {{ is_noted_landing() }};
    checkpoint {{ target.database }};
{%- endmacro %}

{#-
    How often the file of an attached database was written: see
    loaders/publishing/fingerprint.py.
-#}
{% macro checkpoints_of(database) -%}
    n_checkpoints(
        (select path from duckdb_databases() where database_name = '{{ database }}')
    )
{%- endmacro %}
