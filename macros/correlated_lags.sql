{#-
    One row per length of period and lag, as a select: lag, by how many periods the
    accidents come later than the requests they are compared with (earlier, if
    negative); n_lags, how many there are; block_length, how many periods make a block,
    within which what follows what is kept; scatter, how many times the variance of a
    correlation is what it would be, as taking off the mean of the periods beside (four
    on either side, of months two) ties what is left to what is left beside it: the sum
    of the squared autocorrelations of noise so treated.
    Usage: with lags as ({{ correlated_lags() }})
-#}
{% macro correlated_lags() -%}
    {%- for period, greatest_lag, block_length, scatter in [
        ('day', 3, 28, 1.2176), ('week', 3, 4, 1.2176), ('month', 1, 1, 1.45),
    ] -%}
        select
            '{{ period }}' as period,
            {{ block_length }} as block_length,
            {{ scatter }} as scatter,
            {{ 2 * greatest_lag + 1 }} as n_lags,
            {{ whole_numbers_between(-greatest_lag, greatest_lag) }} as lag
        {% if not loop.last %}union all {% endif %}
    {%- endfor %}
{%- endmacro %}
