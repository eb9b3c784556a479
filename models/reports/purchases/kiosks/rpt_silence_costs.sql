{% set z2 = 1.959963984540054 ** 2 %}

with silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'kiosk' and is_beyond_chance and n_expected_sales is not null
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

purchases as (
    select * from {{ ref('fct_purchases') }}
),

visits as (
    select
        kiosk_id,
        purchased_at,
        count(*) as n_units
    from purchases
    group by kiosk_id, purchased_at
),

-- A silence is of visits; a visit is of so many units, and a unit of such a price.
units as (
    select
        kiosk_id,
        count(*) as n_visits,
        cast(sum(n_units) as double) / count(*) as units_per_visit,
        coalesce((
            sum(n_units * n_units)
            - sum(n_units) * sum(n_units) / cast(count(*) as double)
        ) / nullif(count(*) - 1, 0), 0) as unit_variance
    from visits
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

-- With the scatter of the visits, and that of the units of a visit.
scattered as (
    select
        silences.*,
        units.units_per_visit * silences.n_expected_sales as expected_units,
        sqrt(
            power(units.units_per_visit * (
                silences.n_expected_sales_high - silences.n_expected_sales
            ), 2)
            + {{ z2 }} * units.unit_variance * silences.n_expected_sales
            * (1 + silences.n_expected_sales / units.n_visits)
        ) as half_width
    from silences
    inner join units on silences.subject_id = units.kiosk_id
),

expected as (
    select
        *,
        greatest(expected_units - half_width, 0) as expected_units_low,
        expected_units + half_width as expected_units_high
    from scattered
),

estimated as (
    select
        silences.sales_silence_key,
        kiosks.kiosk_key,
        silences.subject_id as kiosk_id,
        silences.kind,
        silences.n_silent_days,
        prices.n_priced_purchases,
        {% for end in ['', '_low', '_high'] -%}
            round(silences.expected_units{{ end }}, 3) as expected_units{{ end }},
        {% endfor -%}
        {% for end in ['', '_low', '_high'] -%}
            cast(
                silences.expected_units{{ end }} * prices.avg_price_usd
                as decimal(18, 2)
            ) as expected_revenue{{ end }}_usd,
        {% endfor -%}
        true as is_inferred,
        silences.first_silent_date,
        silences.last_silent_date
    from expected as silences
    inner join kiosks on silences.subject_id = kiosks.kiosk_id
    inner join prices on silences.subject_id = prices.kiosk_id
)

select * from estimated
