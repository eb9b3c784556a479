{#-
    md5 of the logic behind a model: its own, and the definitions of everything it is
    built from, so that a change far upstream is noticed too. Its own logic is the
    compiled SQL; of an incremental model, whose SQL differs from run to run, the code
    as written with the text of every macro of the project that it calls and the values of
    the variables that these name; of a seed its checksum and column types.
    Usage: {{ model_definition(held_states()) }}
-#}
{% macro model_definition(states) -%}
    {%- set kind = model.config.materialized -%}
    {%- if kind == 'seed' -%}
        {%- set parts = [model.checksum.checksum, model.config.column_types] -%}
    {%- elif kind == 'incremental' -%}
        {%- set parts = [model.raw_code, model.contract.checksum] -%}
        {#- As parsed: the model's own list grows while its SQL is compiled. -#}
        {%- set macro_ids = graph.nodes[model.unique_id].depends_on.macros -%}
        {%- do parts.extend(called_macros(macro_ids, {}).values()) -%}
        {%- for name in modules.re.findall("var\\('(\\w+)'", parts | join) -%}
            {%- do parts.append(name ~ ': ' ~ tojson(var(name, none))) -%}
        {%- endfor -%}
    {%- else -%}
        {%- set parts = [model.compiled_code] -%}
    {%- endif -%}
    {%- for node_id in model.depends_on.nodes | default([]) -%}
        {%- do parts.append(states.get(node_id, {}).get('definition')) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join('\n'))) }}
{%- endmacro %}

{#-
    The text by id of the project's macros with these ids and of all that they call,
    less those in macros/state/: they decide when a model is built, not what it holds.
-#}
{% macro called_macros(macro_ids, found) -%}
    {%- for macro_id in macro_ids | sort
        if macro_id.split('.')[1] == project_name and macro_id not in found -%}
        {%- set called = context[project_name][macro_id.split('.')[2]].macro -%}
        {%- if not called.original_file_path.startswith('macros/state/') -%}
            {%- do found.update({macro_id: called.macro_sql}) -%}
            {%- do called_macros(called.depends_on.macros, found) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
