{#-
    Incremental strategy `replace_touched`: the model's SQL returns all rows of every
    identity that something touched; whatever the table holds of these identities is
    deleted, the new rows are inserted, in one transaction.
    - unique_key: the column, or columns, that tell identities. It need not be unique: an
      identity may have several rows, and fewer than before. One that loses all of them
      is found only through meta.touched_in.
    - meta.event_date (optional): a date column the table is ordered by. The delete then
      joins on it too, which reads only the row groups of these dates: without it, every
      delete reads the whole history. Listed columns are joined on alone, so that rows of
      an identity may differ in their dates; one of them must be a date or an instant that
      follows the table's order, for the same reason; without one, as where a customer may
      have come on any day, the delete reads the listed columns of the whole table.
    - meta.dates_from (optional, with event_date and one column): a relation with both and
      every date an identity ever had, where a newer version may move an event. Name it
      if, and only if, the date is no part of the identity.
    - meta.touched_in (optional): the relation of touched identities, by `_change_seq`:
      `identity_key` with `event_date`, if there is one, or the columns that are listed.
      Name it where the model leaves out identities that it held before.
    Usage: {{ config(
        materialized='incremental', incremental_strategy='replace_touched',
        unique_key='identity_key', meta={'event_date': 'purchase_date'},
    ) }}
-#}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set target_table = arg_dict.target_relation -%}
    {%- set new_rows = arg_dict.temp_relation -%}
    {%- set identity = arg_dict.unique_key -%}
    {%- set event_date = config.get('meta', {}).get('event_date') -%}
    {%- set dates_from = config.get('meta', {}).get('dates_from') -%}
    {%- set touched_in = config.get('meta', {}).get('touched_in') -%}
    {%- if not identity -%}
        {{ exceptions.raise_compiler_error('replace_touched needs a unique_key') }}
    {%- elif identity is string -%}
        {%- set columns = [identity] + ([event_date] if event_date else []) -%}
        {%- set touched_columns = ['identity_key'] + (['event_date'] if event_date else []) -%}
    {%- elif dates_from -%}
        {{ exceptions.raise_compiler_error(
            'replace_touched takes dates_from with one unique_key only'
        ) }}
    {%- else -%}
        {%- set columns = identity -%}
        {%- set touched_columns = identity -%}
    {%- endif -%}
    {%- set columns_csv = columns | join(', ') -%}

    {%- call statement('deleted', fetch_result=true) -%}
        delete from {{ target_table }}
        where ({{ columns_csv }}) in (
            select {{ columns_csv }} from {{ new_rows }}
            {%- if dates_from %}
            union
            select {{ columns_csv }} from {{ ref(dates_from) }}
            where {{ identity }} in (select {{ identity }} from {{ new_rows }})
            {%- endif %}
            {%- if touched_in %}
            union
            select {{ touched_columns | join(', ') }} from {{ ref(touched_in) }}
            where _change_seq > {{ built_change_seq() }}
            {%- endif %}
        )
    {%- endcall -%}
    {%- set n_deleted = load_result('deleted').table.rows[0][0] | int -%}
    {%- set n_inserted = run_query('select count(*) from ' ~ new_rows).rows[0][0] -%}
    {%- do store_raw_result(
        'rows_written', message='', code='', rows_affected=n_deleted + n_inserted | int
    ) -%}

    {{ note_untested_days(new_rows) }}
    {%- set names = arg_dict.dest_columns | map(attribute='name') -%}
    {%- set dest_columns = get_quoted_csv(names) -%}
    insert into {{ target_table }} ({{ dest_columns }})
    select {{ dest_columns }}
    from {{ new_rows }}
    {%- if event_date %}
    order by {{ event_date }}
    {%- endif %}
{%- endmacro %}

{#-
    A relation named in meta.dates_from is first read by the second build: the first one
    looks at it already, so that a mistake does not wait for the next delivery.
    Usage: {% do check_dates_from() %}, in the materialization
-#}
{% macro check_dates_from() -%}
    {%- set meta = config.get('meta', {}) -%}
    {%- if execute and meta.get('dates_from') -%}
        {%- set held = adapter.get_columns_in_relation(ref(meta.dates_from))
            | map(attribute='name') | list -%}
        {%- for column in [config.get('unique_key'), meta.get('event_date')]
            if column not in held -%}
            {{ exceptions.raise_compiler_error(
                "meta.dates_from: " ~ meta.dates_from ~ " has no column '" ~ column
                ~ "', by which rows of an identity are found on all of their dates: name "
                ~ "a relation that has it, or add it there"
            ) }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
