{% set dimensions = [
    'year', 'month', 'weekday_and_hour', 'district', 'neighborhood', 'light_condition',
    'road_condition', 'first_driver_factor', 'second_driver_factor',
    'first_harmful_event', 'offense_family',
] %}

with incidents as (
    select * from {{ ref('fct_incidents') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

dimensions as (
    {% for dimension in dimensions -%}
        select '{{ dimension }}' as dimension
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

spans as (
    select
        vintage,
        min(occurred_date) as first_date,
        max(occurred_date) as last_date
    from incidents
    group by vintage
),

valued as (
    select
        incidents.*,
        dimensions.dimension,
        coalesce(
            case dimensions.dimension
                when 'year' then substr(cast(incidents.occurred_date as varchar), 1, 4)
                when 'month' then substr(cast(incidents.occurred_date as varchar), 1, 7)
                when 'weekday_and_hour'
                    then
                        cast({{ iso_weekday('incidents.occurred_date') }} as varchar)
                        || ' ' || case
                            when incidents.time_quality = 'date_only' then 'Unknown'
                            else substr(cast(incidents.occurred_at as varchar), 12, 2)
                        end
                when 'district' then incidents.district
                when 'neighborhood' then neighborhoods.neighborhood_slug
                when 'light_condition' then incidents.light_condition
                when 'road_condition' then incidents.road_condition
                when 'first_driver_factor' then incidents.first_driver_factor
                when 'second_driver_factor' then incidents.second_driver_factor
                when 'first_harmful_event' then incidents.first_harmful_event
                when 'offense_family' then incidents.offense_family
            end,
            'Unknown'
        ) as dimension_value,
        case
            when dimensions.dimension in ('year', 'month')
                then (
                    case dimensions.dimension
                        when 'year'
                            then {{ dbt.date_trunc('year', 'incidents.occurred_date') }}
                        else {{ dbt.date_trunc('month', 'incidents.occurred_date') }}
                    end < spans.first_date
                    or case dimensions.dimension
                        when 'year'
                            then {{ dbt.last_day('incidents.occurred_date', 'year') }}
                        else {{ dbt.last_day('incidents.occurred_date', 'month') }}
                    end > spans.last_date
                )
            else false
        end as is_in_partial_period
    from incidents
    inner join spans
        on incidents.vintage = spans.vintage
    inner join neighborhoods
        on incidents.neighborhood_key = neighborhoods.neighborhood_key
    cross join dimensions
),

counted as (
    select
        vintage,
        dimension,
        dimension_value,
        cast(sum(n_offense_records) as bigint) as n_offense_records,
        count(*) as n_accidents,
        count(case when has_known_severity then 1 end) as n_with_known_severity,
        count(case when has_known_offense then 1 end) as n_with_known_offense,
        count(case when has_road_user_counts then 1 end) as n_with_road_user_counts,
        count(case when is_fatal then 1 end) as n_fatal,
        count(case when is_serious_injury then 1 end) as n_serious,
        count(case when is_hit_and_run then 1 end) as n_hit_and_run,
        count(case when is_impaired then 1 end) as n_impaired,
        count(case when has_bicycle then 1 end) as n_bicycle,
        count(case when has_pedestrian then 1 end) as n_pedestrian,
        bool_or(is_in_partial_period) as is_partial_period
    from valued
    group by vintage, dimension, dimension_value
),

-- What no accident of the group could tell is not none.
judged as (
    select
        vintage,
        dimension,
        dimension_value,
        n_offense_records,
        n_accidents,
        n_with_known_severity,
        n_with_known_offense,
        n_with_road_user_counts,
        case when n_with_known_severity > 0 then n_fatal end as n_fatal_accidents,
        case when n_with_known_severity > 0 then n_serious end as n_serious_accidents,
        case when n_with_known_offense > 0 then n_hit_and_run end
            as n_hit_and_run_accidents,
        case when n_with_known_offense > 0 then n_impaired end as n_impaired_accidents,
        case when n_with_road_user_counts > 0 then n_bicycle end
            as n_bicycle_accidents,
        case when n_with_road_user_counts > 0 then n_pedestrian end
            as n_pedestrian_accidents,
        is_partial_period
    from counted
)

select * from judged
