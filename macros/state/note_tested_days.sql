{#-
    SQL that notes, of each model all of whose tests have just passed, that no day is left
    to be tested; and of each that keeps its keys, once all relationships of such models
    to it have passed.
    Usage: on-run-end in dbt_project.yml
-#}
{% macro note_tested_days(results) -%}
    {%- if execute and flags.WHICH in ['build', 'test'] -%}
        {%- set passed = [] -%}
        {%- for result in results if result.status == 'pass' -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- set open = [] -%}
        {%- for test in graph.nodes.values()
            if test.resource_type == 'test' and test.unique_id not in passed -%}
            {%- set tested = graph.nodes.get(test.get('attached_node')) or {} -%}
            {%- if event_date_of(tested) -%}
                {%- do open.extend([tested.unique_id] + related_to(test)) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and node.unique_id not in open
            and (event_date_of(node) or meta_of(node, 'keeps_keys')) %}
            delete from {{ node.database }}.meta.untested_days
            where node_id = '{{ node.unique_id }}';
            insert into {{ node.database }}.meta.untested_days
            values ('{{ node.unique_id }}', null);
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
