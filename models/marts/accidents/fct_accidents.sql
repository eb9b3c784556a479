{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'occurred_date', 'dates_from': 'int_accident_row_fates'},
) }}

with row_fates as (
    select * from {{ ref('int_accident_row_fates') }}
    {% if is_incremental() -%}
        where {{ is_touched(ref('int_accidents_touched'), 'identity_key') }}
    {%- endif %}
),

current_rows as (
    select * from row_fates
    where fate = 'current_version'
),

cells as (
    select * from {{ ref('int_neighborhood_cells') }}
),

placed as (
    {{ placed_rows('current_rows', 'cells') }}
),

offenses as (
    select * from {{ ref('dim_offenses') }}
),

keyed as (
    select
        *,
        {{ surrogate_key(['identity_key', 'row_rank']) }} as accident_key,
        {{ surrogate_key(['computed_neighborhood_slug']) }}
            as computed_neighborhood_key
    from placed
),

accidents as (
    select
        keyed.accident_key,
        keyed.identity_key,
        case
            when keyed.incident_id is null then keyed.accident_key
            else {{ surrogate_key(['keyed.vintage', 'keyed.incident_id']) }}
        end as incident_key,
        keyed.offense_key,
        keyed.neighborhood_key,
        keyed.computed_neighborhood_key,
        keyed.offense_id,
        keyed.incident_id,
        keyed.vintage,
        offenses.offense_name as offense,
        coalesce(
            keyed.offense_category_label, offenses.offense_category_id
        ) as offense_category,
        coalesce(keyed.offense_type_label, keyed.top_offense_label) as offense_label,
        keyed.neighborhood_label,
        keyed.district,
        keyed.district_label,
        keyed.precinct,
        keyed.first_harmful_event,
        keyed.road_location,
        keyed.road_description,
        keyed.road_condition,
        keyed.light_condition,
        case
            when keyed.has_driver_factors
                then coalesce(keyed.first_driver_factor, 'NOT STATED')
        end as first_driver_factor,
        case
            when keyed.has_driver_factors
                then coalesce(keyed.second_driver_factor, 'NOT STATED')
        end as second_driver_factor,
        keyed.first_pedestrian_action,
        keyed.second_pedestrian_action,
        keyed.time_quality,
        keyed.record_state,
        keyed.point_repair,
        keyed.longitude,
        keyed.latitude,
        keyed.mapped_longitude,
        keyed.mapped_latitude,
        case
            when keyed.has_road_user_counts then coalesce(keyed.n_bicycles, 0)
        end as n_bicycles,
        case
            when keyed.has_road_user_counts then coalesce(keyed.n_pedestrians, 0)
        end as n_pedestrians,
        keyed.n_seriously_injured,
        keyed.n_fatalities,
        case
            when keyed.is_identified then keyed.n_rows_alike - 1 else 0
        end as n_duplicate_rows,
        keyed.n_events_at_once as n_equal_identities,
        offenses.is_hit_and_run,
        offenses.is_impaired,
        (
            offenses.is_serious_injury or coalesce(keyed.n_seriously_injured > 0, false)
        ) as is_serious_injury,
        offenses.is_fatal or coalesce(keyed.n_fatalities > 0, false) as is_fatal,
        keyed.has_usable_point,
        keyed.has_unmatched_neighborhood,
        keyed.was_occurred_at_mended,
        keyed.was_reported_at_mended,
        keyed.was_reinstated,
        keyed.has_untyped_values,
        keyed.occurred_date,
        keyed.reported_date,
        keyed.occurred_at,
        keyed.occurred_at_utc,
        keyed.last_occurred_at,
        keyed.reported_at,
        keyed.last_held_at,
        keyed._delivery_seq,
        keyed._change_seq,
        keyed._line
    from keyed
    inner join offenses
        on keyed.offense_key = offenses.offense_key
)

select * from accidents
order by occurred_date
