{#-
    The whole of a CTE that leaves vertices of rings out, where that changes little
    (Visvalingam): in each of `n_rounds` rounds one whose triangle with both neighbors has
    less than `least_area` and less than those of its neighbors. `least_area` is twice the
    area, in the unit of x and y, which are whole numbers below 10,000. A border that two
    rings share changes in the same way in both: vertices where three meet stay, and of
    equal triangles the place decides. A ring keeps three vertices.
    The relation has _row_hash, polygon_number, ring_number, vertex_number, x and y.
    Usage: kept as ({{ simplified_rings('projected', 6, 20) }})
-#}
{% macro simplified_rings(relation, n_rounds, least_area) -%}
    with followed as (
        select
            *,
            {{ ring_neighbor('x', 'next') }} as next_x,
            {{ ring_neighbor('y', 'next') }} as next_y
        from {{ relation }}
    ),

    -- The last vertex of a closed ring is its first.
    kept_0 as (
        select * from followed
        where x <> next_x or y <> next_y or vertex_number = 1
    ),

    links as (
        select x, y, next_x, next_y from kept_0
        union
        select next_x as x, next_y as y, x as next_x, y as next_y from kept_0
    ),

    -- Where more than two borders meet: without it, neighbors would no longer meet there.
    junctions as (
        select x, y from links
        group by x, y
        having count(*) > 2
    ),

    {% for round in range(1, n_rounds + 1) %}
    beside_{{ round }} as (
        select
            _row_hash,
            polygon_number,
            ring_number,
            vertex_number,
            x,
            y,
            {{ ring_neighbor('x', 'previous') }} as previous_x,
            {{ ring_neighbor('y', 'previous') }} as previous_y,
            {{ ring_neighbor('x', 'next') }} as next_x,
            {{ ring_neighbor('y', 'next') }} as next_y,
            count(*) over (partition by _row_hash, polygon_number, ring_number)
                as n_vertices
        from kept_{{ round - 1 }}
    ),

    -- By the triangle with both neighbors, in whole numbers, then by place: the same from
    -- both sides of a border. Junctions, and what is needed for a ring, have none.
    weighed_{{ round }} as (
        select
            beside.*,
            case
                when beside.n_vertices > 4 and junctions.x is null
                    then 100000000 * abs(
                        cast(beside.previous_x - beside.x as bigint)
                        * (beside.next_y - beside.y)
                        - cast(beside.next_x - beside.x as bigint)
                        * (beside.previous_y - beside.y)
                    ) + beside.x * 10000 + beside.y
            end as weight
        from beside_{{ round }} as beside
        left join junctions
            on beside.x = junctions.x and beside.y = junctions.y
    ),

    compared_{{ round }} as (
        select
            *,
            {{ ring_neighbor('weight', 'previous') }} as previous_weight,
            {{ ring_neighbor('weight', 'next') }} as next_weight
        from weighed_{{ round }}
    ),

    kept_{{ round }} as (
        select * from compared_{{ round }}
        where
            weight is null
            or weight >= cast({{ least_area }} as bigint) * 100000000
            or weight > previous_weight
            or weight > next_weight
    ){{ ',' if not loop.last }}
    {% endfor %}
    select * from kept_{{ n_rounds }}
{%- endmacro %}

{#-
    What a column has at the vertex before or after, round a ring: that before the first
    vertex is the last. Of vertices as geojson_vertices has them, by _row_hash.
-#}
{% macro ring_neighbor(column, side) -%}
    {%- set ring = 'partition by _row_hash, polygon_number, ring_number order by vertex_number' -%}
    {%- if side == 'next' -%}
    case
        when lead(vertex_number) over ({{ ring }}) is null
            then first_value({{ column }}) over ({{ ring }})
        else lead({{ column }}) over ({{ ring }})
    end
    {%- elif side == 'previous' -%}
    case
        when lag(vertex_number) over ({{ ring }}) is null
            then first_value({{ column }}) over ({{ ring }} desc)
        else lag({{ column }}) over ({{ ring }})
    end
    {%- else -%}
    {{ exceptions.raise_compiler_error("a vertex has a previous and a next one, not " ~ side) }}
    {%- endif -%}
{%- endmacro %}
