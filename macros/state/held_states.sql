{#-
    What is known of everything a model may be built from, by node id: the stored
    states of models and seeds, and for each source what the ledger says of it. The
    definition of a source is which landing it is: sequences of another landing start
    again, so everything incremental must too. Asked once per model and then kept:
    nothing a model is built from changes while it is built.
    Usage: {% set states = held_states() %}
-#}
{% macro held_states() -%}
    {%- if 'known_states' not in context -%}
        {%- set states = stored_states() -%}
        {%- do states.update(source_states()) -%}
        {%- do context.update({'known_states': states}) -%}
    {%- endif -%}
    {{ return(context['known_states']) }}
{%- endmacro %}

{#-
    The rows of meta.model_states of all databases, none before the first run; each of the
    database that its model is built in now.
-#}
{% macro stored_states() -%}
    {%- set databases = run_query(
        "select database_name from duckdb_tables() where schema_name = 'meta' "
        ~ "and table_name = 'model_states'"
    ).columns[0].values() -%}
    {%- set states = {} -%}
    {%- for database in databases -%}
        {%- set rows = run_query(
            'select cast(json_group_array(model_states) as varchar) from '
            ~ database ~ '.meta.model_states'
        ).rows[0][0] -%}
        {%- for row in fromjson(rows or '[]')
            if graph.nodes.get(row.node_id, {}).get('database') == database -%}
            {%- do states.update({row.node_id: row}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(states) }}
{%- endmacro %}

{#-
    The states of sources, as the ledger has them. Tables of the ledger itself change
    with every attempt to land, others with what was landed of their feed.
-#}
{% macro source_states() -%}
    {%- set query -%}
        with feeds as (
            select
                feed,
                max(change_seq) as change_seq,
                max(delivery_seq) as delivery_seq,
                min(started_at) as started_at
            from landing.raw.deliveries
            group by feed
        )

        select
            cast(
                json_object(
                    'definition', cast(min(started_at) as varchar),
                    'delivery_seq', max(delivery_seq),
                    'change_seq', coalesce(max(change_seq), 0),
                    'feeds', json_group_object(feed, change_seq)
                ) as varchar
            )
        from feeds
    {%- endset -%}
    {%- set ledger = fromjson(run_query(query).rows[0][0]) -%}
    {%- set states = {} -%}
    {%- for source in graph.sources.values() -%}
        {%- do states.update({source.unique_id: {
            'definition': ledger.definition,
            'data_version': ledger.delivery_seq if source.source_name == 'landing'
                else (ledger.feeds or {}).get(source.name),
            'built_change_seq': ledger.change_seq,
        }}) -%}
    {%- endfor -%}
    {{ return(states) }}
{%- endmacro %}
