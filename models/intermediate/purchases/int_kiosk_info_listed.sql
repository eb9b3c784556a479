with versions as (
    select * from {{ ref('stg_vending__kiosk_info') }}
    where set_aside_reason is null
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'kiosk_info'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'kiosk_info' and status = 'landed'
),

latest_versions as (
    {{ listed_versions('versions', 'presences', 'deliveries', ['event_identity']) }}
)

select * from latest_versions
