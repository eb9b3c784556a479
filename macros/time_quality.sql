{#-
    How well a wall-clock time fixes an instant, if its zone is known:
    - exact: the source gives an offset (say so by a condition);
    - date_only: the source gives no time of day (say so by a condition);
    - nonexistent: clocks skip this time in spring;
    - ambiguous: clocks show it twice in autumn;
    - assumed_zone: one instant, if the zone is the right one.
    Null if the time is. Changes of one hour only, as everywhere in the United States.
    Usage: {{ time_quality('requested_at', feed_zone('service_requests')) }}
-#}
{% macro time_quality(wall_clock, zone, is_date_only='false', is_exact='false') -%}
    {%- set instant = utc_instant(wall_clock, zone) -%}
    {%- set hour_before = local_time(dbt.dateadd('hour', -1, instant), zone) -%}
    {%- set hour_after = local_time(dbt.dateadd('hour', 1, instant), zone) -%}
    case
        when {{ wall_clock }} is null then null
        when {{ is_date_only }} then 'date_only'
        when {{ is_exact }} then 'exact'
        when {{ local_time(instant, zone) }} <> {{ wall_clock }} then 'nonexistent'
        when
            {{ hour_before }} = {{ wall_clock }} or {{ hour_after }} = {{ wall_clock }}
            then 'ambiguous'
        else 'assumed_zone'
    end
{%- endmacro %}
