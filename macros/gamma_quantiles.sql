{#-
    The whole of a CTE that says, per gamma_shape of a relation, below which `quantile` a
    gamma law of that shape and rate 1 stays with a probability, such as '0.025e0'; of
    another rate it is that much less. From Wilson and Hilferty's cube root, or for small
    ones the first term of the law's series, by six steps of Halley's method on that
    series (Abramowitz and Stegun 26.2.22, 26.4.17, 6.5.29): to nine digits from shape
    0.01 and for probabilities from 0.0005 to 0.9995.
    Usage: lows as ({{ gamma_quantiles('posteriors', '0.025e0') }}), ...
    quantile / gamma_rate as rate_low ... on posteriors.gamma_shape = lows.gamma_shape
-#}
{% macro gamma_quantiles(relation, probability) -%}
    {%- set t = 'sqrt(-2 * ln(least(' ~ probability ~ ', 1 - ' ~ probability ~ ')))' -%}
    {%- set z = 'sign(' ~ probability ~ ' - 0.5e0) * (' ~ t ~ ' - (2.30753e0 + 0.27061e0 * '
        ~ t ~ ') / (1 + 0.99229e0 * ' ~ t ~ ' + 0.04481e0 * ' ~ t ~ ' * ' ~ t ~ '))' -%}
    {%- set root = '1 - 1 / (9 * gamma_shape) + ' ~ z ~ ' / (3 * sqrt(gamma_shape))' -%}
    {%- set n_steps = 6 -%}
    with guess_0 as (
        select distinct
            gamma_shape,
            greatest(
                case
                    when {{ root }} > 0.3
                        then gamma_shape * power({{ root }}, 3)
                    else
                        exp(
                            (ln({{ probability }}) + {{ log_gamma('gamma_shape + 1') }})
                            / gamma_shape
                        )
                end,
                1e-300
            ) as quantile
        from {{ relation }}
    ),
    {% for step in range(n_steps) %}
    terms_{{ step }} as (
        select
            gamma_shape,
            quantile,
            {{ whole_numbers_between(
                0,
                'cast(20 + greatest(quantile - gamma_shape, 0) '
                ~ '+ 8 * sqrt(quantile + gamma_shape) as integer)'
            ) }} as k
        from guess_{{ step }}
    ),

    -- By how much the chance of less is too high, by the density there.
    excess_{{ step }} as (
        select
            gamma_shape,
            quantile,
            quantile * sum(exp(
                k * ln(quantile)
                + {{ log_gamma('gamma_shape') }} - {{ log_gamma('gamma_shape + k + 1') }}
            )) - {{ probability }} * exp(
                quantile - (gamma_shape - 1) * ln(quantile)
                + {{ log_gamma('gamma_shape') }}
            ) as excess
        from terms_{{ step }}
        group by gamma_shape, quantile
    ),

    guess_{{ step + 1 }} as (
        select
            gamma_shape,
            greatest(
                quantile - excess / (1 - 0.5e0 * greatest(
                    least(excess * ((gamma_shape - 1) / quantile - 1), 1), -1
                )),
                quantile / 2
            ) as quantile
        from excess_{{ step }}
    ){{ ',' if not loop.last }}
    {% endfor %}
    select * from guess_{{ n_steps }}
{%- endmacro %}
