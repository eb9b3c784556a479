{#-
    Whole days for which a request was seen to be open, as an expression over columns of
    `fct_service_requests`: closed, from request to close, null if that is not known or
    mis-stamped; open, up to the last delivery that held it, or the newest one.
    Usage: {{ days_watched('requests', 'last_delivery.newest_as_of_at') }} as watched_days
-#}
{% macro days_watched(requests, newest_as_of_at) -%}
    case
        when not {{ requests }}.is_open then {{ requests }}.days_to_close
        else greatest(
            {{ dbt.datediff(
                requests ~ '.request_date',
                'coalesce(' ~ requests ~ '.last_held_at, ' ~ newest_as_of_at ~ ')',
                'day',
            ) }},
            0
        )
    end
{%- endmacro %}
