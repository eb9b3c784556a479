-- The facts of purchases, requests and accidents and what they refer to, from a landing to
-- tables, as one would write it for DuckDB alone: no step is kept, nothing is incremental,
-- tested or documented. Equal to what dbt builds, see benchmarks/build.py.
-- Usage: duckdb DATABASE -c "attach 'landing.duckdb' as landing (read_only)" -f FILE,
-- from the root of the project, where the seeds are.

set timezone = 'UTC';
set preserve_insertion_order = false;
create schema marts;

create temp macro part(x) as
    coalesce(length(cast(x as varchar)) || ':' || cast(x as varchar), '~');
create temp macro key_of
    (a) as cast(md5(part(a)) as uuid),
    (a, b) as cast(md5(part(a) || part(b)) as uuid),
    (a, b, c, d) as cast(md5(part(a) || part(b) || part(c) || part(d)) as uuid);
create temp macro clean(x) as
    nullif(trim(x, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '');
create temp macro id_of(x) as regexp_replace(clean(x), '[.]0+$', '');
create temp macro slug_of(x) as
    trim(regexp_replace(lower(x), '[^a-z0-9]+', '-', 'g'), '-');
create temp macro decimal_of(x) as
    case when regexp_full_match(x, '-?[0-9]+([.][0-9]+)?') then try_cast(x as double) end;
create temp macro integer_of(x) as
    case when cast(try_cast(x as integer) as varchar) = x then try_cast(x as integer) end;
create temp macro local_of(utc) as timezone('America/Denver', timezone('UTC', utc));
create temp macro utc_of(wall) as timezone('UTC', timezone('America/Denver', wall));
create temp macro is_count(x) as coalesce(regexp_full_match(x, '[0-9]{12,13}'), false);
create temp macro moment_of(x) as coalesce(
    try_strptime(
        x, ['%Y-%m-%d %H:%M:%S', '%m/%d/%Y %I:%M:%S %p', '%Y-%m-%d', '%m/%d/%Y']
    ),
    local_of(make_timestamp(
        1000 * case when is_count(x) then cast(x as bigint) end
    ))
);
create temp macro in_range(t) as
    case when extract(year from t) between 1990 and 2099 then t end;
create temp macro whole_minute(t) as
    case when extract(second from t) = 59 then t + interval 1 second else t end;
create temp macro is_day(x, t) as
    x not like '%:%' and t = date_trunc('day', t);
create temp macro quality_of(wall, is_date_only, is_exact) as case
    when wall is null then null
    when is_date_only then 'date_only'
    when is_exact then 'exact'
    when local_of(utc_of(wall)) <> wall then 'nonexistent'
    when local_of(utc_of(wall) - interval 1 hour) = wall
        or local_of(utc_of(wall) + interval 1 hour) = wall then 'ambiguous'
    else 'assumed_zone'
end;
create temp macro zip_of(x) as
    nullif(nullif(regexp_extract(x, '^([0-9]{5})(-?[0-9]{4})?$', 1), ''), '99999');
create temp macro is_usable(x, y) as
    coalesce(x between -105.12 and -104.59 and y between 39.6 and 39.92, false);
create temp macro plane_radius(x, y) as
    sqrt(power(x - 3000000, 2) + power(26242400.727463905 - (y - 1000000), 2));
create temp macro plane_longitude(x, y) as
    -105.5
    + degrees(atan2(x - 3000000, 26242400.727463905 - (y - 1000000)))
    / 0.6306895552244414;
create temp macro ellipsoidal(x) as degrees(
    x
    + 3.3565514853511427e-3 * sin(2 * x) + 6.5718727752939625e-6 * sin(4 * x)
    + 1.764564364678164e-8 * sin(6 * x) + 5.3284785490533986e-11 * sin(8 * x)
);
create temp macro plane_latitude(x, y) as ellipsoidal(
    pi() / 2
    - 2 * atan(power(plane_radius(x, y) / 41070356.97001723, 1 / 0.6306895552244414))
);

create temp table aliases as
select alias, neighborhood_slug from read_csv('seeds/neighborhood_aliases.csv');

create temp table deliveries as
with open_rejects as (
    select
        ledger.*,
        coalesce(replays.n_rejected, ledger.n_rejected) > 0 as has_rejects
    from landing.raw.deliveries as ledger
    left join (
        select parent_seq, max_by(n_rejected, delivery_seq) as n_rejected
        from landing.raw.deliveries
        where status = 'replayed'
        group by parent_seq
    ) as replays on ledger.delivery_seq = replays.parent_seq
    where ledger.status = 'landed'
)

select
    delivery_seq, feed, series, as_of, window_start, has_rejects,
    coalesce(lower(header) like '%bicycle_ind%', false) as has_road_user_counts,
    coalesce(lower(header) like '%contrib%factor%', false) as has_driver_factors,
    row_number() over in_order as place,
    -- A row that never left was held by the last delivery, which has no next.
    lead(delivery_seq) over in_order is null as is_last,
    lag(as_of) over in_order as previous_as_of,
    coalesce(count(*) filter (not has_rejects) over (
        in_order rows between unbounded preceding and 1 preceding
    ), 0) as n_clean_before,
    count(*) filter (not has_rejects) over (
        in_order rows between current row and unbounded following
    ) = 0 as is_provisional
from open_rejects
window in_order as (partition by feed, series order by as_of, delivery_seq);

-- Which rows of a feed of windows are the latest that is known of something, and how it
-- went with them.
create temp macro latest(readable_rows, its_feed) as table
with stays as (
    select
        held.identity_key, held.is_identified, changes._row_hash, changes._copy,
        deliveries.series, deliveries.place as came_place,
        deliveries.n_clean_before as n_clean_before_came,
        lead(deliveries.place) over row_history as left_place,
        lead(deliveries.n_clean_before) over row_history as n_clean_before_left,
        lead(deliveries.previous_as_of) over row_history as last_held_at,
        lead(case
            when deliveries.is_provisional then 'in_doubt'
            when held.window_date < deliveries.window_start then 'aged_out'
            else 'withdrawn'
        end) over row_history as left_as
    from query_table(readable_rows) as held
    inner join landing.raw.presence as changes
        on held._row_hash = changes._row_hash and held._copy = changes._copy
    inner join deliveries on changes._delivery_seq = deliveries.delivery_seq
    where changes.feed = its_feed
    window row_history as (
        partition by changes._row_hash, changes._copy order by deliveries.place
    )
    qualify changes.change = '+'
),

earlier as (
    select
        *,
        max(coalesce(left_place, 2147483647)) over before_it as last_end_place,
        max(coalesce(n_clean_before_left, 2147483647)) over before_it as n_clean_at_end,
        max(left_place) filter (left_as = 'withdrawn') over before_it
            as last_withdrawn_place
    from stays
    window before_it as (
        partition by identity_key order by came_place
        range between unbounded preceding and 1 preceding
    )
),

last_stays as (
    select
        *,
        coalesce(bool_or(
            last_end_place = last_withdrawn_place
            and n_clean_at_end < n_clean_before_came
        ) over (partition by identity_key), false) as was_reinstated
    from earlier
    qualify row_number() over (
        partition by _row_hash, _copy order by came_place desc
    ) = 1
)

select
    _row_hash, _copy, series, left_place, was_reinstated, last_held_at,
    case
        when bool_or(coalesce(left_as, 'in_doubt') = 'in_doubt') over same_identity
            then 'current'
        else left_as
    end as record_state,
    cast(row_number() over (
        same_identity order by left_place desc nulls first, _row_hash, _copy
    ) as integer) as row_rank,
    cast(count(*) over (partition by identity_key, left_place) as integer)
        as n_rows_at_once
from last_stays
window same_identity as (partition by identity_key)
qualify
    rank() over (same_identity order by left_place desc nulls first) = 1
    and (not is_identified or row_rank = 1);

-- Edges of the boundaries that are held, from their lower end, by the bands of latitude
-- that they pass through: a point is compared with those of its band alone.
create temp table edges as
with boundaries as (
    select
        row_number() over (order by slug, _row_hash) as boundary, slug,
        cast(case geometry ->> '$.type'
            when 'Polygon' then json_array(geometry -> '$.coordinates')
            when 'MultiPolygon' then geometry -> '$.coordinates'
        end as double[][][][]) as polygons
    from (
        select aliases.neighborhood_slug as slug, held.geometry, held._row_hash
        from landing.raw.neighborhoods as held
        inner join aliases on slug_of(clean(held.nbhd_name)) = aliases.alias
        where held._copy = 1 and (
            select max_by(changes.change, deliveries.place)
            from landing.raw.presence as changes
            inner join deliveries on changes._delivery_seq = deliveries.delivery_seq
            where
                changes.feed = 'neighborhoods' and changes._row_hash = held._row_hash
                and changes._copy = held._copy
        ) = '+'
    )
),

rings as (
    select boundary, slug, unnest(flatten(polygons)) as ring from boundaries
),

directed as (
    select boundary, slug, least(a, b) as low, greatest(a, b) as high
    from (
        select
            boundary, slug,
            unnest([[v[2], v[1]] for v in ring]) as a,
            unnest([[v[2], v[1]] for v in ring[2:] || ring[1:1]]) as b
        from rings
    )
    where a <> b
)

select
    boundary, slug,
    low[2] as low_longitude, low[1] as low_latitude,
    high[2] as high_longitude, high[1] as high_latitude,
    unnest(range(
        cast(floor((low[1] - 1e-8) * 440) as bigint),
        cast(floor((high[1] + 1e-8) * 440) as bigint) + 1
    )) as band
from directed;

-- Points as sent, with how to map them and the neighborhood there; see placed_points().
create temp macro placed(rows_with_points) as table
with points as (
    select distinct longitude, latitude from query_table(rows_with_points)
    where longitude is not null and latitude is not null
),

readings as (
    select longitude, latitude, null as repair, longitude as x, latitude as y from points
    union all
    select longitude, latitude, 'swapped', latitude, longitude from points
    union all
    select longitude, latitude, 'sign', -abs(longitude), abs(latitude) from points
    where longitude > 0 or latitude < 0
    union all
    select
        longitude, latitude, 'state_plane', plane_longitude(longitude, latitude),
        plane_latitude(longitude, latitude)
    from points
    where longitude between 3000000 and 3400000 and latitude between 1500000 and 1900000
),

usable as (
    select *, cast(floor(y * 440) as bigint) as band from readings where is_usable(x, y)
),

compared as (
    select
        usable.longitude, usable.latitude, usable.repair, edges.slug, edges.boundary,
        edges.low_latitude <= usable.y and usable.y < edges.high_latitude
        and usable.x < edges.low_longitude
        + (edges.high_longitude - edges.low_longitude)
        * ((usable.y - edges.low_latitude) / (edges.high_latitude - edges.low_latitude))
            as is_crossed,
        edges.high_longitude - edges.low_longitude as east,
        edges.high_latitude - edges.low_latitude as north,
        usable.x - edges.low_longitude as east_of_it,
        usable.y - edges.low_latitude as north_of_it,
        greatest(0, least(1,
            (east_of_it * east + north_of_it * north) / (east * east + north * north)
        )) as share
    from usable
    inner join edges
        on usable.band = edges.band and usable.x <= 1e-8
        + greatest(edges.low_longitude, edges.high_longitude)
),

containing as (
    select longitude, latitude, repair, slug
    from compared
    group by longitude, latitude, repair, slug, boundary
    having
        count(*) filter (is_crossed) % 2 = 1
        or bool_or(
            power(east_of_it - east * share, 2) + power(north_of_it - north * share, 2)
            <= 1e-24
        )
),

located as (
    select
        usable.longitude, usable.latitude, usable.repair, usable.x, usable.y,
        min(containing.slug) as slug
    from usable
    left join containing
        on
            usable.longitude = containing.longitude
            and usable.latitude = containing.latitude
            and usable.repair is not distinct from containing.repair
    group by all
)

select longitude, latitude, x as mapped_longitude, y as mapped_latitude, slug, repair
from located
window point as (partition by longitude, latitude)
qualify
    case
        when repair is null
            then count(slug) filter (repair is null) over point = 1
            or count(slug) filter (repair is not null) over point <> 1
        else slug is not null
            and count(slug) filter (repair is null) over point = 0
            and count(slug) filter (repair is not null) over point = 1
    end;

-- Purchases.
create temp table purchase_rows as
with typed as (
    select
        *,
        id_of(kiosk_id) as kiosk, id_of(product_id) as product, clean(card_hash) as card,
        id_of(fc_number) as fc,
        try_cast(substr(date_time, 1, 19) as timestamp) as moment,
        case
            when regexp_full_match(date_time, '.{19}[+-][0-9]{2}')
                then try_cast(substr(date_time, 20) as integer)
        end as hours,
        case
            when hours between -12 and 14 and cast(moment as varchar) = date_time[:19]
                then moment - to_hours(hours)
        end as utc
    from landing.raw.purchases
)

select
    key_of(landing.raw.keyed_text(card)) as customer_key,
    key_of(kiosk, product, customer_key, utc) as identity_key,
    kiosk as kiosk_id, product as product_id, card as card_hash,
    case when regexp_full_match(fc, '[0-9]+') then fc end as fc_number,
    case
        when timezone('America/Los_Angeles', timezone('UTC', utc)) = moment then 'exact'
        else 'unexpected_offset'
    end as time_quality,
    fc is not null and fc_number is null as has_untyped_values,
    moment as purchased_at, utc as purchased_at_utc,
    try_cast(regexp_replace(clean(price), '^[$] ?', '') as decimal(18, 2)) as price_usd,
    _row_hash, _copy, _delivery_seq, _change_seq, _line
from typed
where kiosk is not null and product is not null and utc is not null;

-- Where rows of an identity differ, those count that one delivery held most of.
create temp table differing as
select identity_key from purchase_rows
group by identity_key having min(_row_hash) <> max(_row_hash);

create temp table counted_rows as
with rows_in_question as (
    select * from purchase_rows
    where identity_key in (from differing)
),

held as (
    select identity_key, _row_hash, _copy, _delivery_seq from rows_in_question
    union all
    select asked.identity_key, asked._row_hash, asked._copy, again._delivery_seq
    from rows_in_question as asked
    inner join landing.raw.presence as again
        on asked._row_hash = again._row_hash and asked._copy = again._copy
    where again.feed = 'purchases'
),

fullest as (
    select held.identity_key, held._delivery_seq
    from held
    inner join deliveries on held._delivery_seq = deliveries.delivery_seq
    group by held.identity_key, held._delivery_seq, deliveries.as_of
    qualify row_number() over (
        partition by held.identity_key
        order by count(*) desc, deliveries.as_of desc, held._delivery_seq desc
    ) = 1
)

select held._row_hash, held._copy from held
inner join fullest
    on
        held.identity_key = fullest.identity_key
        and held._delivery_seq = fullest._delivery_seq;

create table marts.fct_purchases as
select
    cast(row_number() over (
        partition by identity_key order by _row_hash, _copy
    ) as integer) as unit_number,
    key_of(identity_key, unit_number) as purchase_key, kiosk_id, product_id, customer_key,
    fc_number, price_usd, time_quality,
    cast(extract(hour from purchased_at) as integer) as purchase_hour,
    cast(extract(hour from purchased_at_utc) as integer) as purchase_hour_utc,
    has_untyped_values, cast(purchased_at as date) as purchase_date, purchased_at,
    purchased_at_utc, _delivery_seq, _change_seq, _line
from purchase_rows
where
    identity_key not in (from differing) or (_row_hash, _copy) in (from counted_rows)
order by purchase_date;

create table marts.dim_customers as
select customer_key, card_hash, card_hash is not null as is_known
from (
    select customer_key, card_hash from purchase_rows
    union
    select key_of(null), null
);

drop table purchase_rows;

create table marts.dim_kiosks as
with lists as (
    select * from deliveries where feed = 'kiosk_info'
),

listed as (
    select
        id_of(rows.kiosk_id) as kiosk_id, clean(rows.place) as place,
        clean(rows.kind_of_site) as kind_of_site,
        cast(in_range(moment_of(clean(rows.opened_on))) as date) as opened_on,
        cast(integer_of(clean(rows.capacity)) as bigint) as capacity
    from landing.raw.kiosk_info as rows
    inner join (
        select
            changes._row_hash, changes._copy,
            if(
                max_by(changes.change, lists.place) = '+',
                (select max(place) from lists),
                max(lists.place) - 1
            ) as last_held_place
        from landing.raw.presence as changes
        inner join lists on changes._delivery_seq = lists.delivery_seq
        where changes.feed = 'kiosk_info'
        group by changes._row_hash, changes._copy
    ) as changes
        on rows._row_hash = changes._row_hash and rows._copy = changes._copy
    where id_of(rows.kiosk_id) is not null
    qualify row_number() over (
        partition by id_of(rows.kiosk_id)
        order by changes.last_held_place desc, rows._row_hash, rows._copy
    ) = 1
)

select
    key_of(sold.kiosk_id) as kiosk_key, sold.kiosk_id,
    min(sold.purchase_date) as first_purchase_date,
    max(sold.purchase_date) as last_purchase_date,
    coalesce(any_value(listed.place), 'Unknown') as place,
    coalesce(any_value(listed.kind_of_site), 'Unknown') as kind_of_site,
    any_value(listed.opened_on) as opened_on, any_value(listed.capacity) as capacity
from marts.fct_purchases as sold
left join listed on sold.kiosk_id = listed.kiosk_id
group by sold.kiosk_id;

create table marts.dim_products as
with typed as (
    select
        *,
        case
            when regexp_full_match(id_of(fc_number), '[0-9]+') then id_of(fc_number)
        end as fc,
        integer_of(onqi) as onqi_score,
        case
            when
                regexp_full_match(cost, '-?[0-9]+([.][0-9]+)?')
                and try_cast(cost as decimal(18, 2)) = try_cast(cost as decimal(38, 12))
                then try_cast(cost as decimal(18, 2))
        end as cost_usd,
        case
            when regexp_full_match(margins, '[0-9]{1,2}%|100%')
                then cast(replace(margins, '%', '') as double) / 100
        end as margin_share
    from landing.raw.products
),

lists as (
    select * from deliveries where feed = 'products'
),

listed as (
    select
        id_of(typed.product_id) as product_id, clean(typed.product_name) as product_name,
        clean(typed.brand) as brand, typed.fc, typed.onqi_score, typed.cost_usd,
        typed.margin_share,
        (typed.fc_number is not null and typed.fc is null)
        or (typed.onqi is not null and typed.onqi_score is null)
        or (typed.cost is not null and typed.cost_usd is null)
        or (typed.margins is not null and typed.margin_share is null)
            as has_untyped_values,
        changes.last_held_place >= (
            select coalesce(max(place) filter (not has_rejects), 0) from lists
        ) as is_listed,
        coalesce(
            min(clean(typed.product_name)) over same_list
            <> max(clean(typed.product_name)) over same_list,
            false
        ) as has_conflicting_names
    from typed
    inner join (
        select
            changes._row_hash, changes._copy,
            if(
                max_by(changes.change, lists.place) = '+',
                (select max(place) from lists),
                max(lists.place) - 1
            ) as last_held_place
        from landing.raw.presence as changes
        inner join lists on changes._delivery_seq = lists.delivery_seq
        where changes.feed = 'products'
        group by changes._row_hash, changes._copy
    ) as changes
        on typed._row_hash = changes._row_hash and typed._copy = changes._copy
    where id_of(typed.product_id) is not null
    window same_list as (partition by id_of(typed.product_id), changes.last_held_place)
    qualify row_number() over (
        partition by id_of(typed.product_id)
        order by changes.last_held_place desc, typed._row_hash, typed._copy
    ) = 1
),

sold as (
    select
        product_id, max(fc_number) as fc, min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from marts.fct_purchases
    group by product_id
)

select
    key_of(product_id) as product_key, product_id,
    coalesce(listed.product_name, 'Unknown') as product_name, listed.brand,
    coalesce(listed.fc, sold.fc) as fc_number,
    case
        when listed.is_listed is null then 'never_listed'
        when listed.is_listed then 'listed'
        else 'withdrawn'
    end as listing_status,
    listed.onqi_score, listed.cost_usd, listed.margin_share,
    coalesce(listed.has_untyped_values, false) as has_untyped_values,
    coalesce(listed.has_conflicting_names, false) as has_conflicting_names,
    sold.first_purchase_date, sold.last_purchase_date
from listed
full outer join sold using (product_id);

-- Service requests.
create temp table request_rows as
with cleaned as (
    select
        clean(columns(* exclude (
            council_district, police_district, objectid, _extra, _row_hash, _copy,
            _delivery_seq, _change_seq, _line
        ))),
        id_of(council_district) as council_district,
        id_of(police_district) as police_district,
        _row_hash, _copy, _delivery_seq, _change_seq, _line
    from landing.raw.service_requests
),

typed as (
    select
        *,
        coalesce(case_created_dttm, case_created_date) as created,
        coalesce(case_closed_dttm, case_closed_date) as closed,
        in_range(moment_of(created)) as requested_at,
        in_range(moment_of(closed)) as closed_at,
        zip_of(customer_zip_code) as customer_zip,
        zip_of(incident_zip_code) as incident_zip,
        decimal_of(longitude) as point_longitude,
        decimal_of(latitude) as point_latitude
    from cleaned
),

mended as (
    select
        typed.*,
        not coalesce(statuses.is_closed, typed.closed_at is not null) as is_open,
        coalesce(statuses.status, typed.case_status, 'Unknown') as status,
        coalesce(
            statuses.status_family,
            if(typed.case_status is null, 'unknown', 'other')
        ) as status_family,
        coalesce(agencies.mended_label, typed.agency, 'Unknown') as mended_agency,
        coalesce(sources.mended_label, typed.case_source, 'Unknown') as source,
        coalesce(types.mended_label, typed.type, 'Unknown') as request_type,
        coalesce(aliases.neighborhood_slug, 'unknown') as neighborhood_slug
    from typed
    left join read_csv('seeds/request_status_labels.csv') as statuses
        on lower(typed.case_status) = lower(statuses.status_label)
    left join read_csv('seeds/request_labels.csv') as agencies
        on lower(typed.agency) = lower(agencies.label) and agencies.kind = 'agency'
    left join read_csv('seeds/request_labels.csv') as sources
        on lower(typed.case_source) = lower(sources.label) and sources.kind = 'source'
    left join read_csv('seeds/request_labels.csv') as types
        on lower(typed.type) = lower(types.label) and types.kind = 'type'
    left join aliases on slug_of(typed.neighborhood) = aliases.alias
    where typed.requested_at is not null
)

select
    key_of(landing.raw.service_requests_identity(
        case_created_dttm, case_summary, incident_address_1, case_created_date
    )) as identity_key,
    key_of(mended_agency, request_type) as request_type_key,
    key_of(neighborhood_slug) as neighborhood_key,
    case_summary as request_summary, mended_agency as agency, agency as agency_label,
    request_type, type as type_label, source, case_source as source_label, status,
    status_family, case_status as status_label,
    case upper(first_call_resolution) when 'Y' then 'yes' when 'N' then 'no'
        else 'unknown' end as first_call_resolution,
    neighborhood as neighborhood_label, council_district, police_district,
    incident_zip, customer_zip,
    quality_of(requested_at, is_day(created, requested_at), is_count(created))
        as time_quality,
    quality_of(
        closed_at,
        is_day(closed, closed_at)
        or cast(closed_at + interval 1 second as date) > cast(closed_at as date),
        is_count(closed)
    ) as close_time_quality,
    point_longitude as longitude, point_latitude as latitude, is_open,
    is_usable(point_longitude, point_latitude) as has_usable_point,
    neighborhood is not null and neighborhood_slug = 'unknown'
        as has_unmatched_neighborhood,
    (customer_zip_code is not null and customer_zip is null)
    or (incident_zip_code is not null and incident_zip is null) as has_irregular_zip,
    coalesce(case_created_date like '%:%', false) as has_time_in_created_date,
    (closed is not null and closed_at is null)
    or (mended.longitude is not null and point_longitude is null)
    or (mended.latitude is not null and point_latitude is null)
    or coalesce(upper(mended.first_call_resolution) not in ('Y', 'N'), false)
        as has_untyped_values,
    cast(requested_at as date) as request_date, cast(closed_at as date) as closed_date,
    requested_at, utc_of(requested_at) as requested_at_utc, closed_at,
    utc_of(closed_at) as closed_at_utc,
    request_date as window_date, false as is_identified,
    _row_hash, _copy, _delivery_seq, _change_seq, _line
from mended;

create temp table latest_requests as
select held.*, latest.* exclude (_row_hash, _copy)
from request_rows as held
inner join latest('request_rows', 'service_requests') as latest
    on held._row_hash = latest._row_hash and held._copy = latest._copy;

create table marts.fct_service_requests as
with judged as (
    select
        held.*, points.mapped_longitude, points.mapped_latitude,
        points.repair as point_repair, coalesce(points.slug, 'unknown') as computed_slug,
        time_quality <> 'date_only' and close_time_quality <> 'date_only' as is_timed,
        coalesce(
            closed_date < request_date or (closed_at_utc < requested_at_utc and is_timed),
            false
        ) as has_misstamped_close,
        not is_open and not has_misstamped_close as is_measured,
        case
            when is_measured and is_timed
                then date_diff('second', requested_at_utc, closed_at_utc)
        end as seconds_to_close
    from latest_requests as held
    left join placed('latest_requests') as points
        on held.longitude = points.longitude and held.latitude = points.latitude
)

select
    key_of(identity_key, row_rank) as service_request_key, identity_key,
    request_type_key, neighborhood_key, key_of(computed_slug) as computed_neighborhood_key,
    request_summary, agency, agency_label, request_type, type_label, source, source_label,
    status, status_family, status_label, first_call_resolution, neighborhood_label,
    council_district, police_district, incident_zip, customer_zip, time_quality,
    close_time_quality, record_state, point_repair,
    cast(if(is_measured, date_diff('day', request_date, closed_date), null) as integer)
        as days_to_close,
    cast(seconds_to_close as double) / 3600 as hours_to_close,
    longitude, latitude, mapped_longitude, mapped_latitude,
    n_rows_at_once as n_equal_identities, is_open,
    is_open = (closed_at is not null) as has_status_conflict, has_misstamped_close,
    coalesce(seconds_to_close < 60, false) as was_closed_at_once, was_reinstated,
    has_usable_point, has_unmatched_neighborhood, has_irregular_zip,
    has_time_in_created_date, has_untyped_values, request_date, closed_date,
    requested_at, requested_at_utc, closed_at, closed_at_utc, last_held_at,
    _delivery_seq, _change_seq, _line
from judged
order by request_date;

drop table request_rows;
drop table latest_requests;

create table marts.dim_request_types as
select
    request_type_key, agency, request_type, min(request_date) as first_request_date,
    max(request_date) as last_request_date
from marts.fct_service_requests
group by request_type_key, agency, request_type;

-- Accidents.
create table marts.dim_offenses as
select
    key_of(offense_type_id) as offense_key, offense_type_id, offense_name,
    offense_category_id, offense_code, offense_code_extension, top_offense_label,
    offense_type_id <> 'unknown' as is_known, is_traffic_accident, is_hit_and_run,
    is_impaired, is_serious_injury, is_fatal
from (
    from read_csv('seeds/offenses.csv', types = {
        'offense_code': 'varchar', 'offense_code_extension': 'varchar'
    })
    union all
    select
        'unknown', 'Unknown', 'unknown', null, null, null, false, false, false, false,
        false
);

create table marts.dim_neighborhoods as
select
    key_of(neighborhood_slug) as neighborhood_key, neighborhood_slug, neighborhood_name,
    neighborhood_number, population_2010, area_km2, centroid_longitude,
    centroid_latitude, neighborhood_slug <> 'unknown' as is_known,
    neighborhood_slug in (select slug from edges) as has_boundary
from (
    select
        neighborhood_slug, neighborhood_name, cast(neighborhood_number as integer)
            as neighborhood_number,
        cast(population_2010 as integer) as population_2010, area_km2,
        centroid_longitude, centroid_latitude
    from read_csv('seeds/neighborhoods.csv')
    union all
    select 'unknown', 'Unknown', null, null, null, null, null
);

create temp table accident_rows as
with cleaned as (
    select
        id_of(columns(
            '^((incident|offense|district|precinct)_id|(bicycle|pedestrian)_ind'
            || '|seriously_injured|fatalities)$'
        )),
        clean(columns(
            '^(offense_type_id|offense_category_id|top_traffic_accident_offense'
            || '|(first_occurrence|last_occurrence|reported)_date|geo_lon|geo_lat'
            || '|neighborhood_id|harmful_event_seq_1|road_(location|description|condition)'
            || '|light_condition|tu[12]_(driver_humancontribfactor|pedestrian_action))$'
        )),
        _row_hash, _copy, _delivery_seq, _change_seq, _line
    from landing.raw.accidents
),

typed as (
    select
        *,
        in_range(moment_of(first_occurrence_date)) as occurred_at_as_sent,
        in_range(moment_of(reported_date)) as reported_at_as_sent,
        whole_minute(occurred_at_as_sent) as occurred_at,
        whole_minute(in_range(moment_of(last_occurrence_date))) as last_occurred_at,
        whole_minute(reported_at_as_sent) as reported_at,
        decimal_of(geo_lon) as longitude, decimal_of(geo_lat) as latitude,
        integer_of(bicycle_ind) as n_bicycles,
        integer_of(pedestrian_ind) as n_pedestrians,
        integer_of(seriously_injured) as n_seriously_injured,
        integer_of(fatalities) as n_fatalities
    from cleaned
),

mended as (
    select
        typed.*, deliveries.series as vintage,
        coalesce(offenses.offense_type_id, by_label.offense_type_id, 'unknown')
            as known_offense_type_id,
        coalesce(aliases.neighborhood_slug, 'unknown') as neighborhood_slug
    from typed
    inner join deliveries on typed._delivery_seq = deliveries.delivery_seq
    left join marts.dim_offenses as offenses
        on lower(typed.offense_type_id) = offenses.offense_type_id and offenses.is_known
    left join marts.dim_offenses as by_label
        on typed.top_traffic_accident_offense = by_label.top_offense_label
    left join aliases on slug_of(typed.neighborhood_id) = aliases.alias
    where typed.occurred_at is not null
)

select
    if(
        offense_id is not null,
        key_of(vintage, offense_id),
        key_of(vintage, occurred_at, geo_lon, geo_lat)
    ) as identity_key,
    key_of(known_offense_type_id) as offense_key,
    key_of(neighborhood_slug) as neighborhood_key,
    offense_id, incident_id, vintage,
    lower(offense_category_id) as offense_category_label,
    coalesce(lower(mended.offense_type_id), top_traffic_accident_offense) as offense_label,
    neighborhood_id as neighborhood_label,
    case when regexp_full_match(district_id, '[1-7]') then district_id end as district,
    district_id as district_label, precinct_id as precinct,
    upper(harmful_event_seq_1) as first_harmful_event,
    upper(road_location) as road_location, upper(road_description) as road_description,
    upper(road_condition) as road_condition, upper(light_condition) as light_condition,
    upper(tu1_driver_humancontribfactor) as first_driver_factor,
    upper(tu2_driver_humancontribfactor) as second_driver_factor,
    upper(tu1_pedestrian_action) as first_pedestrian_action,
    upper(tu2_pedestrian_action) as second_pedestrian_action,
    quality_of(
        occurred_at,
        is_day(first_occurrence_date, occurred_at),
        is_count(first_occurrence_date)
    ) as time_quality,
    longitude, latitude, n_bicycles, n_pedestrians, n_seriously_injured, n_fatalities,
    is_usable(longitude, latitude) as has_usable_point,
    neighborhood_id is not null and neighborhood_slug = 'unknown'
        as has_unmatched_neighborhood,
    coalesce(occurred_at <> occurred_at_as_sent, false) as was_occurred_at_mended,
    coalesce(reported_at <> reported_at_as_sent, false) as was_reported_at_mended,
    (reported_date is not null and reported_at is null)
    or (last_occurrence_date is not null and last_occurred_at is null)
    or (geo_lon is not null and longitude is null)
    or (geo_lat is not null and latitude is null)
    or (bicycle_ind is not null and n_bicycles is null)
    or (pedestrian_ind is not null and n_pedestrians is null)
    or (seriously_injured is not null and n_seriously_injured is null)
    or (fatalities is not null and n_fatalities is null) as has_untyped_values,
    cast(occurred_at as date) as occurred_date, cast(mended.reported_at as date)
        as reported_day,
    occurred_at, utc_of(occurred_at) as occurred_at_utc, last_occurred_at, reported_at,
    coalesce(reported_day, occurred_date) as window_date,
    offense_id is not null as is_identified,
    _row_hash, _copy, _delivery_seq, _change_seq, _line
from mended;

create temp table latest_accidents as
select
    held.*, latest.* exclude (_row_hash, _copy), deliveries.has_road_user_counts,
    deliveries.has_driver_factors
from accident_rows as held
inner join latest('accident_rows', 'accidents') as latest
    on held._row_hash = latest._row_hash and held._copy = latest._copy
inner join deliveries
    on
        deliveries.feed = 'accidents' and latest.series = deliveries.series
        and if(
            latest.left_place is null,
            deliveries.is_last,
            deliveries.place = latest.left_place - 1
        );

create table marts.fct_accidents as
select
    key_of(held.identity_key, held.row_rank) as accident_key, held.identity_key,
    if(held.incident_id is null, accident_key, key_of(held.vintage, held.incident_id))
        as incident_key,
    held.offense_key, held.neighborhood_key,
    key_of(coalesce(points.slug, 'unknown')) as computed_neighborhood_key,
    held.offense_id, held.incident_id, held.vintage, offenses.offense_name as offense,
    coalesce(held.offense_category_label, offenses.offense_category_id)
        as offense_category,
    held.offense_label, held.neighborhood_label, held.district, held.district_label,
    held.precinct, held.first_harmful_event, held.road_location, held.road_description,
    held.road_condition, held.light_condition,
    if(held.has_driver_factors, coalesce(held.first_driver_factor, 'NOT STATED'), null)
        as first_driver_factor,
    if(held.has_driver_factors, coalesce(held.second_driver_factor, 'NOT STATED'), null)
        as second_driver_factor,
    held.first_pedestrian_action, held.second_pedestrian_action,
    held.time_quality, held.record_state, points.repair as point_repair, held.longitude,
    held.latitude, points.mapped_longitude, points.mapped_latitude,
    if(held.has_road_user_counts, coalesce(held.n_bicycles, 0), null) as n_bicycles,
    if(held.has_road_user_counts, coalesce(held.n_pedestrians, 0), null)
        as n_pedestrians,
    held.n_seriously_injured, held.n_fatalities,
    if(held.is_identified, held.n_rows_at_once - 1, 0) as n_duplicate_rows,
    if(held.is_identified, 1, held.n_rows_at_once) as n_equal_identities,
    offenses.is_hit_and_run, offenses.is_impaired,
    offenses.is_serious_injury or coalesce(held.n_seriously_injured > 0, false)
        as is_serious_injury,
    offenses.is_fatal or coalesce(held.n_fatalities > 0, false) as is_fatal,
    held.has_usable_point, held.has_unmatched_neighborhood, held.was_occurred_at_mended,
    held.was_reported_at_mended, held.was_reinstated, held.has_untyped_values,
    held.occurred_date, held.reported_day as reported_date, held.occurred_at,
    held.occurred_at_utc, held.last_occurred_at, held.reported_at, held.last_held_at,
    held._delivery_seq, held._change_seq, held._line
from latest_accidents as held
inner join marts.dim_offenses as offenses on held.offense_key = offenses.offense_key
left join placed('latest_accidents') as points
    on held.longitude = points.longitude and held.latitude = points.latitude
order by held.occurred_date;
