with offenses as (
    select * from {{ ref('offenses') }}
),

with_unknown as (
    select * from offenses
    union all
    select
        'unknown' as offense_type_id,
        'Unknown' as offense_name,
        'unknown' as offense_category_id,
        null as offense_code,
        null as offense_code_extension,
        null as top_offense_label,
        false as is_traffic_accident,
        false as is_hit_and_run,
        false as is_impaired,
        false as is_serious_injury,
        false as is_fatal
),

keyed as (
    select
        {{ surrogate_key(['offense_type_id']) }} as offense_key,
        offense_type_id,
        offense_name,
        offense_category_id,
        offense_code,
        offense_code_extension,
        top_offense_label,
        offense_type_id <> 'unknown' as is_known,
        is_traffic_accident,
        is_hit_and_run,
        is_impaired,
        is_serious_injury,
        is_fatal
    from with_unknown
)

select * from keyed
