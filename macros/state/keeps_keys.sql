{#-
    Whether what the relationships test under way compares its model with has kept all keys
    since that passed: each of them says in `meta.keeps_keys` that by its definition no
    key goes that a fact still has, and its definition is the same as then.
    Usage: {%- if keeps_keys() -%}
-#}
{% macro keeps_keys() -%}
    {%- set kept = [] -%}
    {%- for node_id in related_to(model) if execute -%}
        {%- set node = graph.nodes.get(node_id) or {} -%}
        {%- if meta_of(node, 'keeps_keys') -%}
            {%- set noted -%}
                select count(*)
                from {{ node.database }}.meta.untested_days as days
                where days.node_id = '{{ node_id }}'
            {%- endset -%}
            {%- do kept.append(run_query(noted).rows[0][0] > 0) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(kept and kept | min and kept | length == related_to(model) | length) }}
{%- endmacro %}

{#- What a relationships test compares its model with, by node id; nothing for others. -#}
{% macro related_to(test) -%}
    {%- if (test.get('test_metadata') or {}).get('name') != 'relationships' -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(test.depends_on.nodes | reject('equalto', test.attached_node) | list) }}
{%- endmacro %}
