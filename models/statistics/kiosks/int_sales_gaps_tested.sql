-- Verdict, interval and detectable ends follow from one chance, so they stay together.
{% set n_least_sales = 10 %}
{% set sides = {'before_first_sale': 'after', 'since_last_sale': 'before'} %}

with gaps as (
    select * from {{ ref('int_sales_gaps_found') }}
),

paces as (
    select * from {{ ref('int_sales_paces_measured') }}
),

spans as (
    select max(pace_so_far) as pace_of_all_days
    from paces
),

-- If n sales came at a steady pace, the chance of none over a further stretch is
-- (their stretch / both stretches) ^ n: Poisson's, with the rate as unsure as it is.
chances_by_side as (
    select
        *,
        {% for side in ['before', 'after'] -%}
            case
                when n_{{ side }} >= {{ n_least_sales }}
                    then n_{{ side }} / nullif(pace_{{ side }}, 0)
            end as rate_{{ side }},
            case
                when n_{{ side }} >= {{ n_least_sales }}
                    then
                        n_{{ side }} / dispersion * ln(
                            nullif(pace_{{ side }}, 0)
                            / (pace_{{ side }} + silent_pace)
                        )
            end as log_probability_{{ side }},
        {% endfor -%}
        -- So small a chance that all silences together would hardly have one by
        -- accident. An end of the data at which it sold is not a silence.
        ln(0.01 / nullif(
            count(case when first_silent_date <= last_silent_date then 1 end)
                over (partition by subject), 0
        )) as log_chance_allowed
    from gaps
),

-- Where both sides tell a rate, what would have been sold is by both: the lower of two
-- rates would be too low by chance.
compared as (
    select
        *,
        coalesce(case when rate_before is not null then n_before end, 0)
        + coalesce(case when rate_after is not null then n_after end, 0)
            as n_compared_sales,
        coalesce(case when rate_before is not null then pace_before end, 0)
        + coalesce(case when rate_after is not null then pace_after end, 0)
            as compared_pace
    from chances_by_side
),

-- The side with the larger chance decides.
chances as (
    select
        *,
        silent_pace * n_compared_sales / nullif(compared_pace, 0) as n_expected_sales,
        greatest(
            coalesce(log_probability_before, log_probability_after),
            coalesce(log_probability_after, log_probability_before)
        ) as log_probability,
        -- At an end of the data: the pace from which its silence is beyond chance.
        case
            {% for kind, side in sides.items() -%}
                when kind = '{{ kind }}' and rate_{{ side }} is not null
                    then
                        pace_{{ side }} * (
                            exp(-log_chance_allowed * dispersion / n_{{ side }}) - 1
                        )
            {% endfor -%}
        end as least_pace
    from compared
),

-- As many as would have been sold: with the scatter of the days of the silence, and
-- with that of the sales that the rate is from.
chances_with_interval as (
    select
        *,
        1.959963984540054e0 * sqrt(
            dispersion * n_expected_sales
            * (1 + n_expected_sales / nullif(n_compared_sales, 0))
        ) as half_width
    from chances
),

detectable_ends as (
    select
        chances.subject,
        chances.subject_id,
        chances.kind,
        min(paces.calendar_date) as first_date,
        max(paces.calendar_date) as last_date
    from chances
    cross join spans
    inner join paces
        on
            chances.least_pace < case chances.kind
                when 'before_first_sale' then paces.pace_until
                else spans.pace_of_all_days - paces.pace_so_far
            end
    group by chances.subject, chances.subject_id, chances.kind
),

gaps_tested as (
    select
        {{ surrogate_key([
            'chances.subject', 'chances.subject_id', 'chances.first_silent_date'
        ]) }} as sales_silence_key,
        chances.subject,
        chances.subject_id,
        chances.kind,
        cast(
            {{ dbt.datediff(
                'chances.first_silent_date', 'chances.last_silent_date', 'day'
            ) }} + 1 as integer
        ) as n_silent_days,
        round(chances.n_expected_sales, 3) as n_expected_sales,
        round(greatest(chances.n_expected_sales - chances.half_width, 0), 3)
            as n_expected_sales_low,
        round(chances.n_expected_sales + chances.half_width, 3)
            as n_expected_sales_high,
        round(chances.log_probability, 6) as log_probability,
        coalesce(chances.log_probability < chances.log_chance_allowed, false)
            as is_beyond_chance,
        cast(chances.first_silent_date as date) as first_silent_date,
        cast(chances.last_silent_date as date) as last_silent_date,
        case chances.kind
            when 'before_first_sale' then detectable_ends.first_date
            else detectable_ends.last_date
        end as detectable_date
    from chances_with_interval as chances
    left join detectable_ends
        on
            chances.subject = detectable_ends.subject
            and chances.subject_id = detectable_ends.subject_id
            and chances.kind = detectable_ends.kind
)

select * from gaps_tested
