{#-
    The feeds of which the model reads rows in a relation of all feeds: one with
    `meta.by_feed: true`, which has a column `feed`, and of which the rows of a feed change
    only with its own deliveries. None if the model may read those of all: if its own SQL
    does not filter each reading by one feed at once, or a macro that it calls reads it.
    Usage: {% set feeds = feeds_read(node_id) %}
-#}
{% macro feeds_read(node_id) -%}
    {%- set node = graph.nodes.get(node_id) -%}
    {%- if not execute or not meta_of(node or {}, 'by_feed') -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set relation = "\\{\\{ ref\\('" ~ node.name ~ "'\\) \\}\\}" -%}
    {%- set filter = "\\s+where feed = '(\\w+)'(?= and (?:(?! or )[^()])*\\)|\\s*\\))" -%}
    {%- set feeds = modules.re.findall('from ' ~ relation ~ filter, model.raw_code) -%}
    {%- set n_read = modules.re.findall(node.name, model.raw_code) | length -%}
    {%- set macro_ids = (graph.nodes.get(model.unique_id) or model).depends_on.macros -%}
    {%- set called = called_macros(macro_ids, {}).values() | join -%}
    {%- if feeds | length < n_read or node.name in called -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(feeds | unique | sort) }}
{%- endmacro %}
