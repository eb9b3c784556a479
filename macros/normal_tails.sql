{#-
    The chance that a normal deviate is at least so far from zero, either way, as an
    expression; to seven digits, however small it is (Chebyshev's fit of the error
    function in Press et al., Numerical Recipes).
    Usage: {{ normal_tails('z') }} as p_value
-#}
{% macro normal_tails(z) -%}
    {%- set t = '(1 / (1 + abs(' ~ z ~ ') / ' ~ (2 * 2 ** 0.5) ~ 'e0))' -%}
    {%- set series = namespace(sum='0.17087277e0') -%}
    {%- for factor in [
        '-0.82215223', '1.48851587', '-1.13520398', '0.27886807', '-0.18628806',
        '0.09678418', '0.37409196', '1.00002368', '-1.26551223',
    ] -%}
        {%- set series.sum = factor ~ 'e0 + ' ~ t ~ ' * (' ~ series.sum ~ ')' -%}
    {%- endfor -%}
    least({{ t }} * exp({{ series.sum }} - {{ z }} * {{ z }} / 2), 1)
{%- endmacro %}
