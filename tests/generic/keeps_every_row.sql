{#-
    On the staging model of a feed: that it has as many rows as raw, but for those that only
    withdrawn deliveries hold. What it cannot type it sets aside, and never leaves out.
    Usage: - keeps_every_row: {arguments: {of: source('traffic', 'accidents')}}
-#}
{% test keeps_every_row(model, of) %}

with counts as (
    select
        (select count(*) from {{ of }} where _change_seq <> 0) as n_raw_rows,
        (select count(*) from {{ model }}) as n_rows
)

select * from counts
where n_raw_rows <> n_rows

{% endtest %}
