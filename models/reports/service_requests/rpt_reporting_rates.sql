with rates as (
    select * from {{ ref('int_reporting_rates_estimated') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

request_types as (
    select * from {{ ref('dim_request_types') }}
),

-- Jeffreys' interval of a Poisson rate; where incidents scatter, of so many fewer.
posteriors as {{ materialized() }} (
    select
        neighborhood_key,
        request_type_key,
        round(n_repeats / dispersion + 0.5e0, 6) as gamma_shape,
        watched_days / dispersion as gamma_rate
    from rates
    where reason is null
),

lows as (
    {{ gamma_quantiles('posteriors', '0.025e0') }}
),

highs as (
    {{ gamma_quantiles('posteriors', '0.975e0') }}
),

intervals as (
    select
        posteriors.neighborhood_key,
        posteriors.request_type_key,
        lows.quantile / posteriors.gamma_rate as rate_low,
        highs.quantile / posteriors.gamma_rate as rate_high
    from posteriors
    inner join lows on posteriors.gamma_shape = lows.gamma_shape
    inner join highs on posteriors.gamma_shape = highs.gamma_shape
),

reporting_rates as (
    select
        rates.neighborhood_key,
        neighborhoods.neighborhood_slug,
        neighborhoods.neighborhood_name,
        rates.request_type_key,
        request_types.agency,
        request_types.request_type,
        case when rates.reason is null then 'told' else 'cannot be told' end as verdict,
        rates.reason,
        'Reports of one incident come at an even rate from the first until all are '
        || 'closed, for 30 days at most. One subject within ten meters is one '
        || 'incident. Those that nobody reported are like the others.' as assumptions,
        rates.n_incidents,
        rates.n_repeats,
        rates.located_share,
        round(rates.watched_days, 6) as watched_days,
        rates.dispersion,
        {% for name, rate in {
            'repeats_per_day': 'rates.n_repeats / rates.watched_days',
            'repeats_per_day_low':
                'case when rates.n_repeats = 0 then 0 else intervals.rate_low end',
            'repeats_per_day_high': 'intervals.rate_high',
            'city_repeats_per_day': 'rates.city_repeats_per_day',
        }.items() -%}
            case when rates.reason is null then round({{ rate }}, 9) end as {{ name }},
        {% endfor -%}
        case
            when rates.n_repeats > 0 and rates.reason is null
                then round(rates.watched_days / rates.n_repeats, 6)
        end as days_to_first_report
    from rates
    inner join neighborhoods
        on rates.neighborhood_key = neighborhoods.neighborhood_key
    inner join request_types on rates.request_type_key = request_types.request_type_key
    left join intervals
        on
            rates.neighborhood_key = intervals.neighborhood_key
            and rates.request_type_key = intervals.request_type_key
)

select * from reporting_rates
