{#-
    What reports break service requests down by: dimension -> columns that make it up. A
    dimension stands before those that its columns belong to as well.
    Usage: {{ dimension_columns(request_dimensions()) }}
-#}
{% macro request_dimensions() -%}
    {{ return({
        'type': ['agency', 'request_type'],
        'agency': ['agency'],
        'source': ['source'],
        'neighborhood': ['neighborhood_name'],
        'council_district': ['council_district'],
        'police_district': ['police_district'],
        'overall': [],
    }) }}
{%- endmacro %}
