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
