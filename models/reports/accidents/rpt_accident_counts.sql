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

observed_days as (
    select * from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
),

observed_periods as (
    {% for dimension, n_digits in {'year': 4, 'month': 7}.items() -%}
        select
            vintage,
            '{{ dimension }}' as dimension,
            substr(cast(event_date as varchar), 1, {{ n_digits }}) as dimension_value,
            count(*) as n_days_observed,
            {{ '365' if dimension == 'year' else (
                'max(extract(day from ' ~ dbt.last_day('event_date', 'month') ~ '))'
            ) }} as n_days
        from observed_days
        group by vintage, substr(cast(event_date as varchar), 1, {{ n_digits }})
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
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
        ) as dimension_value
    from incidents
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
        count(case when has_pedestrian then 1 end) as n_pedestrian
    from valued
    group by vintage, dimension, dimension_value
),

-- What no accident of the group could tell is not none.
judged as (
    select
        counted.vintage,
        counted.dimension,
        counted.dimension_value,
        counted.n_offense_records,
        counted.n_accidents,
        counted.n_with_known_severity,
        counted.n_with_known_offense,
        counted.n_with_road_user_counts,
        case when counted.n_with_known_severity > 0 then counted.n_fatal end
            as n_fatal_accidents,
        case when counted.n_with_known_severity > 0 then counted.n_serious end
            as n_serious_accidents,
        case when counted.n_with_known_offense > 0 then counted.n_hit_and_run end
            as n_hit_and_run_accidents,
        case when counted.n_with_known_offense > 0 then counted.n_impaired end
            as n_impaired_accidents,
        case when counted.n_with_road_user_counts > 0 then counted.n_bicycle end
            as n_bicycle_accidents,
        case when counted.n_with_road_user_counts > 0 then counted.n_pedestrian end
            as n_pedestrian_accidents,
        counted.dimension in ('year', 'month')
        and coalesce(
            observed_periods.n_days_observed < 0.95 * observed_periods.n_days, true
        ) as is_partial_period
    from counted
    left join observed_periods
        on
            counted.vintage = observed_periods.vintage
            and counted.dimension = observed_periods.dimension
            and counted.dimension_value = observed_periods.dimension_value
)

select * from judged
