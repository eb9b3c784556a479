{#-
    One row per vertex of the polygons in a column of GeoJSON geometries, as a select
    over a relation: its key, polygon_number, ring_number (the first ring of a polygon is
    its outline, others are holes), vertex_number, longitude, latitude. A geometry that
    is neither Polygon nor MultiPolygon, or that cannot be read, has no rows.
    Usage: vertices as ({{ geojson_vertices('boundaries', 'boundary_number', 'geometry') }})
-#}
{% macro geojson_vertices(relation, key, geometry) -%}
    {{ adapter.dispatch('geojson_vertices', 'eventmart')(relation, key, geometry) }}
{%- endmacro %}

{% macro duckdb__geojson_vertices(relation, key, geometry) -%}
    select
        {{ key }},
        polygon_number,
        ring_number,
        vertex_number,
        vertex[1] as longitude,
        vertex[2] as latitude
    from (
        select
            {{ key }},
            polygon_number,
            ring_number,
            unnest(ring) as vertex,
            generate_subscripts(ring, 1) as vertex_number
        from (
            select
                {{ key }},
                polygon_number,
                unnest(polygon) as ring,
                generate_subscripts(polygon, 1) as ring_number
            from (
                select
                    {{ key }},
                    unnest(polygons) as polygon,
                    generate_subscripts(polygons, 1) as polygon_number
                from (
                    select
                        {{ key }},
                        try_cast(
                            case
                                when not json_valid({{ geometry }}) then null
                                when {{ geometry }} ->> '$.type' = 'Polygon' then
                                    json_array({{ geometry }} -> '$.coordinates')
                                when {{ geometry }} ->> '$.type' = 'MultiPolygon' then
                                    {{ geometry }} -> '$.coordinates'
                            end as double[][][][]
                        ) as polygons
                    from {{ relation }}
                )
            )
        )
    )
{%- endmacro %}
