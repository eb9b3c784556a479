{#-
    Build a model with dbt's own materialization, unless that would only write again
    what is there: same logic, same documentation, same versions of all it reads. With
    `--vars 'skip_unchanged: false'` every model is built, as plain dbt would.
    Usage: {{ return(build_if_changed(dbt.materialization_table_duckdb)) }}
-#}
{% macro build_if_changed(materialize) -%}
    {%- set states = held_states() -%}
    {%- set held = states.get(model.unique_id, {}) -%}
    {%- set state = next_state(states) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set kind = 'view' if model.config.materialized == 'view' else 'table' -%}
    {%- set is_unchanged = (
        var('skip_unchanged', true)
        and existing is not none
        and existing.type == kind
        and held.get('fingerprint') == state.fingerprint
        and not should_full_refresh()
    ) -%}
    {%- if existing is none or should_full_refresh() -%}
        {%- do store_raw_result('built_anew', message='', code='', rows_affected=0) -%}
    {%- endif -%}
    {%- if not is_unchanged -%}
        {{ return(materialize()) }}
    {%- endif -%}
    {%- if held.built_change_seq != state.built_change_seq -%}
        {%- call statement('model_state') -%}
            {{ store_model_state(n_rows=0) }}
        {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {%- do store_raw_result(
        'main', message='unchanged', code='SKIP', rows_affected=0
    ) -%}
    {{ return({'relations': [this.incorporate(type=kind)]}) }}
{%- endmacro %}
