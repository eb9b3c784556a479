with silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'kiosk' and is_beyond_chance and n_expected_sales is not null
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

purchases as (
    select * from {{ ref('fct_purchases') }}
),

-- A silence is of visits; a visit is of so many units, and a unit of such a price.
units as (
    select
        kiosk_id,
        cast(sum(n_purchases) as double) / nullif(sum(n_visits), 0) as units_per_visit
    from kiosk_days
    group by kiosk_id
),

prices as (
    select
        kiosk_id,
        count(price_usd) as n_priced_purchases,
        cast(sum(price_usd) as double) / nullif(count(price_usd), 0) as avg_price_usd
    from purchases
    group by kiosk_id
),

estimated as (
    select
        silences.sales_silence_key,
        kiosks.kiosk_key,
        silences.subject_id as kiosk_id,
        silences.kind,
        silences.n_silent_days,
        prices.n_priced_purchases,
        {% for name, sales in {
            'expected_units': 'n_expected_sales',
            'expected_units_low': 'n_expected_sales_low',
            'expected_units_high': 'n_expected_sales_high',
        }.items() -%}
            round(silences.{{ sales }} * units.units_per_visit, 3) as {{ name }},
        {% endfor -%}
        {% for end in ['', '_low', '_high'] -%}
            cast(
                silences.n_expected_sales{{ end }} * units.units_per_visit
                * prices.avg_price_usd as decimal(18, 2)
            ) as expected_revenue{{ end }}_usd,
        {% endfor -%}
        true as is_inferred,
        silences.first_silent_date,
        silences.last_silent_date
    from silences
    inner join kiosks on silences.subject_id = kiosks.kiosk_id
    inner join units on silences.subject_id = units.kiosk_id
    inner join prices on silences.subject_id = prices.kiosk_id
)

select * from estimated
