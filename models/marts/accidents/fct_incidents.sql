with records as (
    select * from {{ ref('fct_accidents') }}
    where record_state <> 'withdrawn'
),

offenses as (
    select * from {{ ref('dim_offenses') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

-- What the records of an accident may disagree on is taken from the gravest.
ranked as (
    select
        records.*,
        case
            when neighborhoods.is_known then records.neighborhood_key
            else records.computed_neighborhood_key
        end as located_neighborhood_key,
        offenses.is_known as has_known_offense,
        row_number() over (
            partition by records.incident_key
            order by
                records.is_fatal desc, records.is_serious_injury desc,
                records.accident_key asc
        ) as record_rank
    from records
    inner join offenses
        on records.offense_key = offenses.offense_key
    inner join neighborhoods
        on records.neighborhood_key = neighborhoods.neighborhood_key
),

counted as (
    select
        incident_key,
        cast(count(*) as integer) as n_offense_records,
        bool_or(has_known_offense) as has_known_offense,
        bool_or(
            has_known_offense
            or (n_fatalities is not null and n_seriously_injured is not null)
        ) as has_known_severity,
        bool_or(
            n_bicycles is not null and n_pedestrians is not null
        ) as has_road_user_counts,
        bool_or(is_fatal) as is_fatal,
        bool_or(is_serious_injury) as is_serious_injury,
        bool_or(is_hit_and_run) as is_hit_and_run,
        bool_or(is_impaired) as is_impaired,
        bool_or(coalesce(n_bicycles > 0, false)) as has_bicycle,
        bool_or(coalesce(n_pedestrians > 0, false)) as has_pedestrian,
        min(occurred_at) as occurred_at,
        min(reported_at) as reported_at
    from ranked
    group by incident_key
),

incidents as (
    select
        counted.incident_key,
        ranked.located_neighborhood_key as neighborhood_key,
        ranked.vintage,
        case
            when counted.is_fatal then 'fatal'
            when counted.is_serious_injury then 'serious_injury'
            when counted.is_impaired then 'impaired'
            when counted.is_hit_and_run then 'hit_and_run'
            when counted.has_known_offense then 'other'
            else 'unknown'
        end as offense_family,
        ranked.district,
        ranked.first_harmful_event,
        ranked.road_condition,
        ranked.light_condition,
        ranked.first_driver_factor,
        ranked.second_driver_factor,
        ranked.time_quality,
        ranked.mapped_longitude,
        ranked.mapped_latitude,
        counted.n_offense_records,
        counted.has_known_offense,
        counted.has_known_severity,
        counted.has_road_user_counts,
        counted.is_fatal,
        counted.is_serious_injury,
        counted.is_hit_and_run,
        counted.is_impaired,
        counted.has_bicycle,
        counted.has_pedestrian,
        cast(counted.occurred_at as date) as occurred_date,
        counted.occurred_at,
        counted.reported_at
    from counted
    inner join ranked
        on counted.incident_key = ranked.incident_key and ranked.record_rank = 1
)

select * from incidents
