{# How alike neighborhoods are is told by their distance, in steps of so many km. #}
{% set km_per_step = 2 %}
{% set km_per_degree = 111.2 %}

with compared as (
    select
        *,
        sum(n_requests) over (partition by vintage, request_series) as n_all_requests,
        sum(n_accidents) over (partition by vintage, request_series)
            as n_all_accidents
    from {{ ref('int_neighborhoods_compared') }}
),

excesses as (
    select * from {{ ref('int_neighborhood_residuals_estimated') }}
),

ranked as (
    select
        *,
        1000e0 * n_requests / population_2010 as requests_per_1000,
        1000e0 * n_accidents / population_2010 as accidents_per_1000,
        rank() over (partition by vintage, request_series order by n_requests asc)
        + count(*) over (partition by vintage, request_series, n_requests) / 2e0
            as request_rank,
        rank() over (partition by vintage, request_series order by n_accidents asc)
        + count(*) over (partition by vintage, request_series, n_accidents) / 2e0
            as accident_rank
    from compared
    where is_known
),

described as (
    select
        vintage,
        request_series,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(n_days) as n_days,
        count(*) as n_neighborhoods,
        cast(sum(n_requests) as bigint) as n_requests,
        sum(n_requests) / cast(max(n_all_requests) as double)
            as requests_located_share,
        cast(sum(n_accidents) as bigint) as n_accidents,
        sum(n_accidents) / cast(max(n_all_accidents) as double)
            as accidents_located_share,
        {{ round_signed('corr(n_requests, n_accidents)', 9) }} as naive_correlation,
        {{ round_signed('corr(request_rank, accident_rank)', 9) }} as rank_correlation,
        {{ round_signed('corr(requests_per_1000, accidents_per_1000)', 9) }}
            as rate_correlation
    from ranked
    group by vintage, request_series
),

-- Each neighborhood with itself at no step, with those up to 2 km away at one, ...
paired as (
    select
        excesses.vintage,
        excesses.request_series,
        excesses.excess_log_requests * neighbors.excess_log_requests
            as requests_product,
        excesses.excess_log_accidents * neighbors.excess_log_accidents
            as accidents_product,
        ceil(
            {{ km_per_degree / km_per_step }} * sqrt(
                power(excesses.centroid_latitude - neighbors.centroid_latitude, 2)
                + power(
                    (excesses.centroid_longitude - neighbors.centroid_longitude)
                    * cos(
                        radians(
                            excesses.centroid_latitude / 2
                            + neighbors.centroid_latitude / 2
                        )
                    ), 2
                )
            )
        ) as n_steps
    from excesses
    inner join excesses as neighbors
        on
            excesses.vintage = neighbors.vintage
            and excesses.request_series = neighbors.request_series
),

-- Where both are alike, or both unlike, at a distance, their correlation scatters more;
-- that it may scatter less where they differ is left out, to be on the safe side.
alike as (
    select
        vintage,
        request_series,
        n_steps,
        count(*) as n_pairs,
        greatest(
            {{ exact_sum('requests_product') }} * {{ exact_sum('accidents_product') }}
            / count(*), 0
        ) as likeness
    from paired
    group by vintage, request_series, n_steps
),

-- The variance of the correlation of two maps without any relation.
scattered as (
    select
        vintage,
        request_series,
        {{ exact_sum('likeness') }}
        / max(case when n_steps = 0 then likeness * n_pairs end) as variance
    from alike
    group by vintage, request_series
    having max(case when n_steps = 0 then likeness end) > 0
),

remaining as (
    select
        vintage,
        request_series,
        {{ round_signed('corr(excess_log_requests, excess_log_accidents)', 9) }}
            as partial_correlation
    from excesses
    group by vintage, request_series
),

-- As many independent neighborhoods would scatter as much; two numbers were taken off.
measured as (
    select
        described.*,
        (described.n_neighborhoods - 3) / 1.06e0 + 3 as rank_n,
        remaining.partial_correlation,
        least(
            1 + (described.n_neighborhoods - 3e0) / (described.n_neighborhoods - 1)
            / scattered.variance,
            described.n_neighborhoods - 2
        ) as effective_n
    from described
    inner join remaining
        on
            described.vintage = remaining.vintage
            and described.request_series = remaining.request_series
    inner join scattered
        on
            described.vintage = scattered.vintage
            and described.request_series = scattered.request_series
),

-- How far from none it is by Fisher's z, in units of what that scatters by.
distanced as (
    select
        *,
        sqrt(greatest(effective_n - 3, 0)) / 2 * ln(
            (1 + abs(partial_correlation))
            / greatest(1 - abs(partial_correlation), 1e-9)
        ) as z
    from measured
),

tested as (
    select
        *,
        {{ normal_tails('z') }} as p_value
    from distanced
),

ranked_tests as (
    select
        *,
        count(*) over (partition by vintage) as n_tests,
        row_number() over (
            partition by vintage
            order by p_value asc, request_series asc
        ) as p_rank
    from tested
),

judged as (
    select
        *,
        {{ false_discovery_q('p_value', 'vintage') }} as q_value
    from ranked_tests
),

bounded as (
    select
        vintage,
        request_series,
        first_date,
        last_date,
        n_days,
        n_neighborhoods,
        n_requests,
        requests_located_share,
        n_accidents,
        accidents_located_share,
        {% for name, n in [
            ('naive', 'n_neighborhoods'), ('rank', 'rank_n'),
            ('rate', 'n_neighborhoods'), ('partial', 'effective_n'),
        ] -%}
            {{ name }}_correlation,
            {{ correlation_bound(name ~ '_correlation', n, 'low') }}
                as {{ name }}_correlation_low,
            {{ correlation_bound(name ~ '_correlation', n, 'high') }}
                as {{ name }}_correlation_high,
        {% endfor -%}
        effective_n,
        p_value,
        q_value,
        n_tests,
        q_value <= 0.05 as has_survived
    from judged
)

select * from bounded
