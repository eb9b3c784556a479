{#-
    The chance of a count of exactly k, as an expression: by the negative binomial law of
    that mean and size (variance mean + mean^2 / size), by the Poisson law if the size is
    null. Of a size from 1,000 on, by Stirling's series (Abramowitz and Stegun 6.1.41):
    the difference of two great logarithms of gamma would have too few digits.
    Usage: {{ count_chance('k', 'expected_n', 'dispersion_size') }} as chance
-#}
{% macro count_chance(k, mean, size) -%}
    exp(
        case
            when {{ size }} is null
                then {{ k }} * ln({{ mean }}) - {{ mean }} - {{ log_gamma(k ~ ' + 1') }}
            when {{ size }} >= 1000
                then
                    {{ k }} * ln({{ mean }}) - {{ k }} - {{ log_gamma(k ~ ' + 1') }}
                    + ({{ size }} + {{ k }} - 0.5e0)
                    * 2 * atanh({{ k }} / (2 * {{ size }} + {{ k }}))
                    - {{ k }} / (12 * {{ size }} * ({{ size }} + {{ k }}))
                    - ({{ size }} + {{ k }})
                    * 2 * atanh({{ mean }} / (2 * {{ size }} + {{ mean }}))
            else
                {{ log_gamma(k ~ ' + ' ~ size) }}
                - {{ log_gamma(size) }} - {{ log_gamma(k ~ ' + 1') }}
                - {{ size }} * ln(1 + {{ mean }} / {{ size }})
                - {{ k }} * ln(1 + {{ size }} / {{ mean }})
        end
    )
{%- endmacro %}
