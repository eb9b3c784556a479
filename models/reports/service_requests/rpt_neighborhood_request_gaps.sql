-- With fewer requests of a type, the curve of a neighborhood is too uncertain.
{% set least_n = 20 %}
{% set z = '1.959963984540054e0' %}

with curves as (
    select * from {{ ref('int_request_type_curves_estimated') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

-- Greenwood's variance; where all or none closed in time it would be nothing, so there
-- that of as many requests drawn from the city.
type_shares as (
    select
        cells.neighborhood_key,
        cells.n,
        city_curves.n as weight,
        1 - cells.open_share as closed_share,
        1 - city_curves.open_share as city_closed_share,
        case
            when cells.open_share > 0 and cells.open_share < 1
                then cells.open_share * cells.open_share * cells.greenwood_sum
            else city_curves.open_share * (1 - city_curves.open_share) / cells.n
        end as variance
    from curves as cells
    inner join curves as city_curves
        on
            cells.request_type_key = city_curves.request_type_key
            and city_curves.neighborhood_key is null
    where
        cells.neighborhood_key is not null
        and cells.n >= {{ least_n }}
        and (cells.last_days >= cells.horizon_days or cells.last_open_share = 0)
),

city as (
    select sum(n) as n from curves
    where neighborhood_key is null
),

mixes as (
    select
        neighborhood_key,
        count(*) as n_types,
        cast(sum(n) as bigint) as n_requests,
        sum(weight) as weight,
        {{ exact_sum('n * closed_share') }} / sum(n) as crude_closed_share,
        {{ exact_sum('weight * closed_share') }} / sum(weight) as closed_share,
        {{ exact_sum('weight * city_closed_share') }} / sum(weight)
            as city_closed_share,
        sqrt({{ exact_sum('weight * weight * variance') }}) / sum(weight)
            as standard_error
    from type_shares
    group by neighborhood_key
),

gaps as (
    select
        mixes.neighborhood_key,
        neighborhoods.neighborhood_slug,
        neighborhoods.neighborhood_name,
        mixes.n_requests,
        mixes.n_types,
        mixes.weight / city.n as mix_covered_share,
        mixes.crude_closed_share as crude_closed_in_time_share,
        mixes.closed_share as closed_in_time_share,
        greatest(mixes.closed_share - {{ z }} * mixes.standard_error, 0)
            as closed_in_time_share_low,
        least(mixes.closed_share + {{ z }} * mixes.standard_error, 1)
            as closed_in_time_share_high,
        mixes.city_closed_share as city_closed_in_time_share,
        mixes.closed_share - mixes.city_closed_share as gap_to_city,
        mixes.closed_share - mixes.city_closed_share
        - {{ z }} * mixes.standard_error as gap_to_city_low,
        mixes.closed_share - mixes.city_closed_share
        + {{ z }} * mixes.standard_error as gap_to_city_high,
        (mixes.closed_share - mixes.city_closed_share)
        / nullif(mixes.standard_error, 0) as gap_z_score
    from mixes
    inner join neighborhoods
        on mixes.neighborhood_key = neighborhoods.neighborhood_key
    cross join city
)

select * from gaps
