-- Long because the file has many columns: a line or two for each.
with source as (
    select * from {{ source('traffic', 'accidents') }}
    {{ where_held_by_then() }}
),

cleaned as (
    select
        {% for column in [
            'offense_id', 'offense_code', 'offense_code_extension',
            'district_id', 'precinct_id', 'bicycle_ind', 'pedestrian_ind',
            'seriously_injured', 'fatalities',
        ] %}
            {{ id_text(column) }} as {{ column }},
        {% endfor %}
        {% for column in [
            'offense_type_id', 'offense_category_id', 'top_traffic_accident_offense',
            'first_occurrence_date', 'last_occurrence_date', 'reported_date',
            'geo_lon', 'geo_lat', 'neighborhood_id', 'harmful_event_seq_1',
            'road_location', 'road_description', 'road_condition', 'light_condition',
            'tu1_driver_humancontribfactor', 'tu2_driver_humancontribfactor',
            'tu1_pedestrian_action', 'tu2_pedestrian_action',
        ] %}
            {{ clean_text(column) }} as {{ column }},
        {% endfor %}
        -- One event is the same without it, so that it goes and the row stays.
        case
            when not {{ is_damaged_id('incident_id') }}
                then {{ id_text('incident_id') }}
        end as incident_id,
        {{ is_damaged_id('offense_id') }} as has_damaged_id,
        {{ feed_identity('accidents') }} as event_identity,
        _row_hash,
        _copy,
        _delivery_seq,
        _change_seq,
        _line
    from source
),

typed as (
    select
        *,
        {{ feed_time('accidents', 'first_occurrence_date') }}
            as occurred_at_as_sent,
        {{ feed_time('accidents', 'last_occurrence_date') }}
            as last_occurred_at_as_sent,
        {{ feed_time('accidents', 'reported_date') }} as reported_at_as_sent,
        {{ round_trip_cast('geo_lon', 'double') }} as longitude,
        {{ round_trip_cast('geo_lat', 'double') }} as latitude,
        {{ number_between('bicycle_ind', 'integer', 0, 999) }} as n_bicycles,
        {{ number_between('pedestrian_ind', 'integer', 0, 999) }} as n_pedestrians,
        {{ number_between('seriously_injured', 'integer', 0, 999) }}
            as n_seriously_injured,
        {{ number_between('fatalities', 'integer', 0, 999) }} as n_fatalities,
        {{ feed_instant('accidents', 'first_occurrence_date') }} as instant_as_sent,
        {{ feed_time_with_offset('accidents', 'first_occurrence_date') }} is not null
            as has_offset
    from cleaned
),

mended as (
    select
        *,
        case
            when {{ is_plausible('accidents', 'occurred_at_as_sent') }}
                then {{ whole_minute('occurred_at_as_sent') }}
        end as occurred_at,
        {{ whole_minute('instant_as_sent') }} as occurred_at_utc,
        case
            when {{ is_plausible('accidents', 'last_occurred_at_as_sent') }}
                then {{ whole_minute('last_occurred_at_as_sent') }}
        end as last_occurred_at,
        case
            when {{ is_plausible('accidents', 'reported_at_as_sent') }}
                then {{ whole_minute('reported_at_as_sent') }}
        end as reported_at
    from typed
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        event_identity,
        offense_id,
        incident_id,

        -- text
        lower(offense_type_id) as offense_type_label,
        top_traffic_accident_offense as top_offense_label,
        offense_code,
        coalesce(offense_code_extension, '0') as offense_code_extension,
        lower(offense_category_id) as offense_category_label,
        neighborhood_id as neighborhood_label,
        district_id as district_label,
        case
            when {{ full_match('district_id', '[1-7]') }} then district_id
        end as district,
        precinct_id as precinct,
        upper(harmful_event_seq_1) as first_harmful_event,
        upper(road_location) as road_location,
        upper(road_description) as road_description,
        upper(road_condition) as road_condition,
        upper(light_condition) as light_condition,
        upper(tu1_driver_humancontribfactor) as first_driver_factor,
        upper(tu2_driver_humancontribfactor) as second_driver_factor,
        upper(tu1_pedestrian_action) as first_pedestrian_action,
        upper(tu2_pedestrian_action) as second_pedestrian_action,
        {{ time_quality(
            'occurred_at', feed_zone('accidents'),
            has_date_only('first_occurrence_date', 'occurred_at_as_sent'), 'has_offset'
        ) }} as time_quality,
        case
            when first_occurrence_date is null then 'no_occurrence_time'
            when occurred_at_as_sent is null then 'untyped_occurrence_time'
            when occurred_at is null then 'implausible_occurrence_time'
            when has_damaged_id then 'damaged_id'
        end as set_aside_reason,

        -- numbers
        longitude,
        latitude,
        n_bicycles,
        n_pedestrians,
        n_seriously_injured,
        n_fatalities,

        -- booleans
        {{ is_usable_point('longitude', 'latitude') }} as has_usable_point,
        coalesce(occurred_at <> occurred_at_as_sent, false) as was_occurred_at_mended,
        coalesce(reported_at <> reported_at_as_sent, false) as was_reported_at_mended,
        (
            (reported_date is not null and reported_at is null)
            or (last_occurrence_date is not null and last_occurred_at is null)
            or (geo_lon is not null and longitude is null)
            or (geo_lat is not null and latitude is null)
            or (bicycle_ind is not null and n_bicycles is null)
            or (pedestrian_ind is not null and n_pedestrians is null)
            or (seriously_injured is not null and n_seriously_injured is null)
            or (fatalities is not null and n_fatalities is null)
        ) as has_untyped_values,

        -- dates
        cast(occurred_at as date) as occurred_date,
        cast(reported_at as date) as reported_date,

        -- timestamps
        occurred_at,
        occurred_at_utc,
        last_occurred_at,
        reported_at,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from mended
)

select * from renamed
