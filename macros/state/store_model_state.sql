{#-
    SQL that stores the state of the model just written, inside the transaction that
    wrote it. Its data has a new version only if rows were really written, and, of a table
    built whole, only if they are not what it held; a view has none of its own. The run's result tells the number of rows.
    Usage: post-hook in dbt_project.yml
-#}
{% macro store_model_state(n_rows=none) -%}
    {%- if execute -%}
        {%- set states = held_states() -%}
        {%- set held = states.get(model.unique_id, {}) -%}
        {%- set state = next_state(states) -%}
        {%- set written = written(held, state) if n_rows is none
            else {'n_rows': n_rows, 'content': held.get('content')} -%}
        {%- set n_rows = written.n_rows -%}
        {%- do store_raw_result(
            'main', message=n_rows ~ ' rows', code='WRITE', rows_affected=n_rows
        ) -%}
        {%- if model.config.materialized == 'view' -%}
            {%- set data_version = state.inputs -%}
        {%- elif n_rows > 0 or not held -%}
            {%- set data_version = invocation_id -%}
        {%- else -%}
            {%- set data_version = held.data_version -%}
        {%- endif -%}
        {%- set table = this.database ~ '.meta.model_states' -%}
        {%- if load_result('built_anew') or held.definition != state.definition %}
        delete from {{ this.database }}.meta.untested_days
        where node_id = '{{ model.unique_id }}';
        {%- endif %}
        delete from {{ table }} where node_id = '{{ model.unique_id }}';
        insert into {{ table }} values (
            '{{ model.unique_id }}',
            '{{ state.definition }}',
            '{{ state.fingerprint }}',
            '{{ data_version }}',
            {{ 'null' if state.built_change_seq is none else state.built_change_seq }},
            {{ n_rows }},
            {{ "'" ~ written.content ~ "'" if written.content else 'null' }}
        );
    {%- endif -%}
{%- endmacro %}
