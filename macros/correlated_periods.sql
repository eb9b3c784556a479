{#-
    Length of a period -> greatest_lag: by how many periods the accidents may come later
    or earlier than the requests they are compared with; block_length: how many periods
    make a block, within which what follows what is kept; scatter: how many times the
    variance of a correlation is what it would be, as taking off the mean of the periods
    beside (four on either side, of months two) ties what is left to what is left
    beside it: the sum of the squared autocorrelations of noise so treated.
    Usage: {% for period, settings in correlated_periods().items() %}
-#}
{% macro correlated_periods() -%}
    {{ return({
        'day': {'greatest_lag': 3, 'block_length': 28, 'scatter': 1.2176},
        'week': {'greatest_lag': 3, 'block_length': 4, 'scatter': 1.2176},
        'month': {'greatest_lag': 1, 'block_length': 1, 'scatter': 1.45},
    }) }}
{%- endmacro %}
