{#-
    A predicate for the days of a model that are still to be tested; '' if all are.
    Usage: {{ untested_days('model.eventmart.fct_purchases') }}
-#}
{% macro untested_days(node_id) -%}
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
    {{ return(((node.get('config') or {}).get('meta') or {}).get('event_date')) }}
{%- endmacro %}

{#-
    SQL that notes, of each model all of whose tests have just passed, that no day is left
    to be tested.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro note_tested_days(results) -%}
    {%- if execute and flags.WHICH in ['build', 'test'] -%}
        {%- set passed = [] -%}
        {%- for result in results if result.status == 'pass' -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and event_date_of(node) -%}
            {%- set open = [] -%}
            {%- for test in graph.nodes.values()
                if test.resource_type == 'test'
                and test.get('attached_node') == node.unique_id
                and test.unique_id not in passed -%}
                {%- do open.append(test.unique_id) -%}
            {%- endfor -%}
            {%- if not open -%}
                delete from {{ node.database }}.meta.untested_days
                where node_id = '{{ node.unique_id }}';
                insert into {{ node.database }}.meta.untested_days
                values ('{{ node.unique_id }}', null);
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
