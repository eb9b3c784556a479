{#-
    The chance that a normal deviate is at least so far from zero, either way, as an
    expression; to twelve digits, however small it is (Hart's approximation 5666, and from
    7.07 on a continued fraction; West, Better approximations to cumulative normal
    functions, Wilmott, May 2005).
    Usage: {{ normal_tails('z') }} as p_value
-#}
{% macro normal_tails(z) -%}
    {%- set far = 'abs(' ~ z ~ ')' -%}
    {%- set above = namespace(sum='3.52624965998911e-02') -%}
    {%- for factor in [
        '0.700383064443688', '6.37396220353165', '33.912866078383', '112.079291497871',
        '221.213596169931', '220.206867912376',
    ] -%}
        {%- set above.sum = factor ~ 'e0 + ' ~ far ~ ' * (' ~ above.sum ~ ')' -%}
    {%- endfor -%}
    {%- set below = namespace(sum='8.83883476483184e-02') -%}
    {%- for factor in [
        '1.75566716318264', '16.064177579207', '86.7807322029461', '296.564248779674',
        '637.333633378831', '793.826512519948', '440.413735824752',
    ] -%}
        {%- set below.sum = factor ~ 'e0 + ' ~ far ~ ' * (' ~ below.sum ~ ')' -%}
    {%- endfor -%}
    {%- set fraction = namespace(sum='(' ~ far ~ ' + 0.65e0)') -%}
    {%- for number in [4, 3, 2, 1] -%}
        {%- set fraction.sum
            = '(' ~ far ~ ' + ' ~ number ~ ' / ' ~ fraction.sum ~ ')' -%}
    {%- endfor -%}
    2 * exp(-{{ z }} * {{ z }} / 2) * case
        when {{ far }} < 7.07e0 then ({{ above.sum }}) / ({{ below.sum }})
        else 1 / ({{ fraction.sum }} * 2.5066282746310002e0)
    end
{%- endmacro %}
