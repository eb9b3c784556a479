with versions as (
    select * from {{ ref('stg_vending__products') }}
    where set_aside_reason is null
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'products'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'products' and status = 'landed'
),

latest_versions as (
    {{ listed_versions(
        'versions', 'presences', 'deliveries', ['event_identity'],
        {'has_conflicting_names': 'product_name'}
    ) }}
)

select * from latest_versions
