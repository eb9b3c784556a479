-- A returned row is a quantile of a gamma law that is not the one known to nine digits.
{% set known = {
    0.012: [4.653148444207e-276, 1.772476974825e-134, 0.07386353984281, 2.130549625495],
    0.5: [1.963495665515e-7, 4.910345585876e-4, 2.511943093657, 6.057832573199],
    1: [5.001250416823e-4, 0.02531780798429, 3.688879454114, 7.600902459542],
    2.5: [0.07906876144483, 0.4156058067433, 6.416250997015, 11.05266338910],
    10: [2.699033106033, 4.795388696132, 17.08480345142, 23.74922594274],
    150: [112.9431848778, 126.9561613012, 174.9372344150, 193.6017428107],
    4000: [3795.159012116, 3876.990848272, 4124.903423555, 4211.392444638],
} %}

with shapes as (
    {% for shape in known -%}
        select cast({{ shape }} as double) as gamma_shape
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

{% for probability in ['0.0005e0', '0.025e0', '0.975e0', '0.9995e0'] -%}
    {% set number = loop.index0 %}
    quantiles_{{ number }} as (
        {{ gamma_quantiles('shapes', probability) }}
    ),

    compared_{{ number }} as (
        select
            quantiles_{{ number }}.*,
            case quantiles_{{ number }}.gamma_shape
                {% for shape, quantiles in known.items() -%}
                    when {{ shape }} then {{ '%.12e' % quantiles[number] }}
                {% endfor %}
            end as known_quantile
        from quantiles_{{ number }}
    ),
{%- endfor %}

compared as (
    {% for number in range(4) -%}
        select * from compared_{{ number }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from compared
where abs(quantile / known_quantile - 1) > 1e-9 or quantile is null
union all
select
    count(*) as gamma_shape,
    null as quantile,
    null as known_quantile
from compared
having count(*) <> {{ 4 * known | length }}
