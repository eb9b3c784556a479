{#-
    meta.model_states, once in every database that models are built in (a transaction
    writes one database, and a model's state is written with the model). One row per
    model or seed:
    - definition: md5 of the logic of the model and of all that it is built from;
    - fingerprint: md5 of the definition, the documentation and the versions read;
    - data_version: the run that last wrote rows (of a view: its inputs' versions);
    - built_change_seq: up to where the landing's changes are in it;
    - content: of a table that is built whole, what tells its rows and documentation.
    meta.untested_days, beside it: one row per model and day of events that incremental
    runs touched since its tests passed, and one without a day. No row: all days. Of a
    model with meta.keeps_keys, one without a day: relationships to it have passed since
    its definition changed.
    meta.built_from, in the build file alone, has one row:
    - branch: the run that first built from this landing, as long as it only grows;
    - tip: how far it had grown, see loaders/landing/chain.py.
    Usage: on-run-start in dbt_project.yml
-#}
{% macro create_model_states() -%}
    {%- for database in model_databases() %}
    create schema if not exists {{ database }}.meta;
    create table if not exists {{ database }}.meta.model_states (
        node_id varchar,
        definition varchar,
        fingerprint varchar,
        data_version varchar,
        built_change_seq bigint,
        n_rows_written bigint,
        content varchar
    );
    alter table {{ database }}.meta.model_states add column if not exists content varchar;
    create table if not exists {{ database }}.meta.untested_days (
        node_id varchar,
        event_date date
    );
    {%- endfor %}
    create table if not exists {{ target.database }}.meta.built_from (
        branch varchar,
        tip varchar
    );
{%- endmacro %}

{#- The databases that models and seeds of this project are built in. -#}
{% macro model_databases() -%}
    {%- set databases = [target.database] -%}
    {%- for node in graph.get('nodes', {}).values()
        if node.resource_type in ['model', 'seed']
        and node.database not in databases -%}
        {%- do databases.append(node.database) -%}
    {%- endfor -%}
    {{ return(databases) }}
{%- endmacro %}
