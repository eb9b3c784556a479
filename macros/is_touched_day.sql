{#-
    Whether events of a feed may have changed on a date since the model was built: what it
    counts by date is counted again on such days alone.
    Usage: {% if is_incremental() -%}
        where {{ is_touched_day('purchases', 'purchase_date') }}
    {%- endif %}
-#}
{% macro is_touched_day(feed, event_date) -%}
    {{ event_date }} in (
        select touched.event_date
        from {{ ref('int_event_days_touched') }} as touched
        where touched.feed = '{{ feed }}' and touched._change_seq > {{ built_change_seq() }}
    )
{%- endmacro %}
