{#-
    A predicate for the days of the model under test that are still to be tested; '' if
    all are. `--vars 'test_everything: true'` has all tested.
    Usage, in a data test or in what one calls: {{ untested_days() }}
-#}
{% macro untested_days() -%}
    {%- if not execute or var('test_everything', false) -%}
        {{ return('') }}
    {%- endif -%}
    {%- set node_id = model.attached_node -%}
    {%- set node = graph.nodes.get(node_id) or {} -%}
    {%- set event_date = event_date_of(node) -%}
    {%- if not event_date -%}
        {{ return('') }}
    {%- endif -%}
    {%- set noted -%}
        select days.event_date
        from {{ node.database }}.meta.untested_days as days
        where days.node_id = '{{ node_id }}'
    {%- endset -%}
    {%- if run_query('select count(*) from (' ~ noted ~ ')').rows[0][0] == 0 -%}
        {{ return('') }}
    {%- endif -%}
    {{ return(event_date ~ ' in (' ~ noted ~ ')') }}
{%- endmacro %}

{#- The column that an incremental model is ordered and tested by; none if it has none. -#}
{% macro event_date_of(node) -%}
    {{ return(meta_of(node, 'event_date')) }}
{%- endmacro %}

{#- A setting in a node's meta; none if it has none. -#}
{% macro meta_of(node, name) -%}
    {{ return(((node.get('config') or {}).get('meta') or {}).get(name)) }}
{%- endmacro %}
