{#-
    The state that the model has once it is built from what is there now. The change
    sequence it reaches is the least that any of its inputs has reached: a model run
    alone, before what it reads, must not believe it has seen what they have not.
    Usage: {% set state = next_state(held_states()) %}
-#}
{% macro next_state(states) -%}
    {%- set versions = [] -%}
    {%- set change_seqs = [] -%}
    {%- for node_id in model.depends_on.nodes | default([]) -%}
        {%- set parent = states.get(node_id, {}) -%}
        {%- set feeds = feeds_read(node_id) -%}
        {%- if feeds -%}
            {%- for feed in feeds -%}
                {%- do versions.append(feed ~ ' ' ~ states.attempts.get(feed)) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do versions.append(parent.get('data_version')) -%}
        {%- endif -%}
        {%- if parent.get('built_change_seq') is not none -%}
            {%- do change_seqs.append(parent.get('built_change_seq', 0)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set definition = model_definition(states) -%}
    {%- set descriptions = [model.description] -%}
    {%- for column in model.columns.values() -%}
        {%- do descriptions.append(column.name ~ ': ' ~ column.description) -%}
    {%- endfor -%}
    {%- set inputs = local_md5(versions | join('\n')) -%}
    {%- set documentation = local_md5(descriptions | join('\n')) -%}
    {{ return({
        'definition': definition,
        'fingerprint':
            local_md5(
                [definition, inputs, states.versions, documentation] | join('\n')
            ),
        'documentation': documentation,
        'inputs': inputs,
        'built_change_seq': change_seqs | min if change_seqs else none,
    }) }}
{%- endmacro %}
