with products as (
    select * from {{ ref('stg_vending__products') }}
    where set_aside_reason is null
),

presence as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'products'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'products' and status = 'landed'
),

ordered as (
    select
        delivery_seq,
        n_open_rejects,
        n_damaged_ids,
        row_number() over (order by as_of, delivery_seq) as place
    from deliveries
),

-- A list with rejects or damaged ids proves no absence: only clean ones end a listing.
ends as (
    select
        max(place) as last_place,
        max(
            case
                when not coalesce(n_open_rejects > 0 or n_damaged_ids > 0, false)
                    then place
            end
        ) as last_clean_place
    from ordered
),

changes as (
    select
        presence._row_hash,
        presence._copy,
        presence.change,
        ordered.place,
        row_number() over (
            partition by presence._row_hash, presence._copy
            order by ordered.place desc
        ) as change_rank
    from presence
    inner join ordered on presence._delivery_seq = ordered.delivery_seq
),

held as (
    select
        products.*,
        case
            when changes.change = '+' then ends.last_place
            else changes.place - 1
        end as last_held_place,
        coalesce(ends.last_clean_place, 0) as last_clean_place
    from products
    inner join changes
        on
            products._row_hash = changes._row_hash
            and products._copy = changes._copy
    cross join ends
    where changes.change_rank = 1
),

ranked as (
    select
        *,
        last_held_place >= last_clean_place as is_listed,
        row_number() over (
            partition by product_id
            order by last_held_place desc, _row_hash asc, _copy asc
        ) as version_rank,
        coalesce(
            min(product_name) over same_list <> max(product_name) over same_list, false
        ) as has_conflicting_names
    from held
    window same_list as (partition by product_id, last_held_place)
),

latest_versions as (
    select * from ranked
    where version_rank = 1
)

select * from latest_versions
