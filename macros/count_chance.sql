{#-
    The chance of a count of exactly k, as an expression: by the negative binomial law of
    that mean and size (variance mean + mean^2 / size), by the Poisson law if the size is
    null.
    Usage: {{ count_chance('k', 'expected_n', 'dispersion_size') }} as chance
-#}
{% macro count_chance(k, mean, size) -%}
    exp(
        case
            when {{ size }} is null
                then {{ k }} * ln({{ mean }}) - {{ mean }} - {{ log_gamma(k ~ ' + 1') }}
            else
                {{ log_gamma(k ~ ' + ' ~ size) }}
                - {{ log_gamma(size) }} - {{ log_gamma(k ~ ' + 1') }}
                - {{ size }} * ln(1 + {{ mean }} / {{ size }})
                - {{ k }} * ln(1 + {{ size }} / {{ mean }})
        end
    )
{%- endmacro %}
