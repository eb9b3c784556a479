{#-
    The known states of a model and its inputs, by node id: the stored states of the model
    and its parents, for each source its state in the ledger, under `attempts` the last
    delivery of each feed, whatever became of it, and under `versions` those of dbt, its
    adapter and the engine. They are read in one query, once to compile the
    model and once to build it: its inputs do not change meanwhile.
    Usage: {% set states = held_states() %}
-#}
{% macro held_states() -%}
    {%- if 'known_states' not in context -%}
        {%- set query -%}
            with model_states as (
                {{ stored_states() | indent(16) }}
            ),

            feeds as (
                select
                    feed,
                    max(change_seq) as change_seq,
                    max(delivery_seq) as delivery_seq
                from landing.raw.deliveries
                group by feed
            ),

            ledger as (
                select
                    concat(
                        {{ branch_of_landing() }},
                        ' ' || nullif(
                            (select sum(n_rereads) from landing.raw.feed_settings), 0
                        ),
                        ' withdrawals: ' || nullif((
                            select count(*) from landing.raw.deliveries
                            where status in ('withdrawal', 'withdrawal_undone')
                        ), 0)
                    ) as definition,
                    max(delivery_seq) as delivery_seq,
                    coalesce(max(change_seq), 0) as change_seq,
                    json_group_object(feed, change_seq) as feeds,
                    json_group_object(feed, delivery_seq) as attempts,
                    (
                        select json_group_object(feed_times.feed, feed_times.fingerprint)
                        from landing.raw.feed_times
                    ) as readings
                from feeds
            )

            select
                cast((select json_group_array(model_states) from model_states) as varchar),
                cast(to_json(ledger) as varchar),
                {{ engine_version() }}
            from ledger
        {%- endset -%}
        {%- set found = run_query(query).rows[0] -%}
        {%- set states = {} -%}
        {%- for state in fromjson(found[0] or '[]') -%}
            {%- do states.update({state.node_id: state}) -%}
        {%- endfor -%}
        {%- do states.update(source_states(fromjson(found[1]))) -%}
        {%- do states.update({'attempts': fromjson(found[1]).attempts or {}}) -%}
        {%- do states.update({'versions': dbt_version ~ ' ' ~ found[2]}) -%}
        {%- do context.update({'known_states': states}) -%}
    {%- endif -%}
    {{ return(context['known_states']) }}
{%- endmacro %}

{#-
    A query for the rows of meta.model_states of the model and its parents, each of the
    database that it is built in now; of no rows before a first run.
-#}
{% macro stored_states() -%}
    {%- set nodes_of = {} -%}
    {%- for node_id in [model.unique_id] + (model.depends_on.nodes or [])
        if node_id in graph.nodes -%}
        {%- do nodes_of.setdefault(graph.nodes[node_id].database, []).append(node_id) -%}
    {%- endfor -%}
    {%- set queries = ["select '' as node_id where false"] -%}
    {%- for database, node_ids in nodes_of.items()
        if adapter.get_relation(database, 'meta', 'model_states') -%}
        {%- do queries.append(
            'select * from ' ~ database ~ ".meta.model_states where node_id in ('"
            ~ node_ids | join("', '") ~ "')"
        ) -%}
    {%- endfor -%}
    {{ return(queries | join('\nunion all by name\n')) }}
{%- endmacro %}

{#-
    The states of sources, by what the ledger has. Tables of the ledger itself change
    with every attempt to land, others with what was landed of their feed. The definition
    of a source is which landing it is, how often its rows were read again by other
    settings or deliveries were withdrawn, and how text of the feed becomes time: sequences
    of another landing, or of one that was put back from a copy, mean other rows, rows that
    are read again keep theirs, and times may be others, so everything incremental must be
    built in full.
-#}
{% macro source_states(ledger) -%}
    {%- set states = {} -%}
    {%- for source in graph.sources.values() -%}
        {%- do states.update({source.unique_id: {
            'definition': ledger.definition
                ~ (ledger.readings or {}).get(source.name, ''),
            'data_version': ledger.delivery_seq if source.source_name == 'landing'
                else (ledger.feeds or {}).get(source.name),
            'built_change_seq': ledger.change_seq,
        }}) -%}
    {%- endfor -%}
    {{ return(states) }}
{%- endmacro %}

{#-
    What stands for the landing as long as it only grows: see meta.built_from in
    create_model_states(). None before a first run.
-#}
{% macro branch_of_landing() -%}
    {%- if adapter.get_relation(target.database, 'meta', 'built_from') -%}
        (select branch from {{ target.database }}.meta.built_from)
    {%- else -%}
        null
    {%- endif -%}
{%- endmacro %}
