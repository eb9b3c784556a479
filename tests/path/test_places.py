"""Where a point lies: what the warehouse computes is what shapely and PROJ compute."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from demo.places import neighborhoods
from tests.path.test_incremental import contents
from tests.projects import Project, new_project

on_built = pytest.mark.xdist_group("built")
on_real = pytest.mark.xdist_group("real")

BOUNDS = (-105.12, 39.6, -104.59, 39.92)
# Within 1e-12 of a degree a point is on a border, and in all that touch it.
TOLERANCE = 1e-12
PLACED = """
with points as (select longitude, latitude from points),
cells as (select * from intermediate.intermediate.int_neighborhood_cells),
placed_points as (
    {{ placed_points('points', 'cells') }}
)
select * from placed_points
"""


@cache
def compiled(project: Project, sql: str) -> str:
    """The SQL that dbt makes of an inline query."""
    result = project.invoke("compile", "--no-write-json", "--inline", sql)
    assert result.success, result.exception
    return result.result.results[0].node.compiled_code


def placed(project: Project, longitude: np.ndarray, latitude: np.ndarray) -> pd.DataFrame:
    """What the warehouse makes of points, in their order."""
    sql = compiled(project, PLACED)
    sent = pd.DataFrame({"longitude": longitude, "latitude": latitude})
    with duckdb.connect() as connection:
        connection.execute(
            f"attach '{project.paths.intermediate}' as intermediate (read_only)"
        )
        connection.register("points", sent.drop_duplicates())
        found = connection.execute(sql).df()
    merged = sent.merge(found, on=["longitude", "latitude"], how="left")
    assert len(merged) == len(sent)
    return merged


def polygons(file: Path) -> dict[str, shapely.Geometry]:
    """The boundaries by slug, as shapely reads them."""
    slugs = dict(zip(neighborhoods().names, neighborhoods().slugs, strict=True))
    features = json.loads(file.read_text())["features"]
    return {
        slugs[f["properties"]["NBHD_NAME"]]: shapely.from_geojson(json.dumps(f["geometry"]))
        for f in features
    }


def contained(
    shapes: dict[str, shapely.Geometry], x: np.ndarray, y: np.ndarray
) -> pd.Series:
    """The first neighborhood by slug that holds each point, by shapely; None for none."""
    found = np.full(len(x), None, dtype=object)
    for slug in sorted(shapes, reverse=True):
        shapely.prepare(shapes[slug])
        found[shapely.intersects_xy(shapes[slug], x, y)] = slug
    return pd.Series(found)


def assert_equal_to_shapely(
    project: Project, shapes: dict[str, shapely.Geometry], n_points: int
) -> int:
    """Random points lie where shapely puts them; returns how many lie somewhere."""
    rng = np.random.default_rng(8)
    west, south, east, north = BOUNDS
    x, y = rng.uniform(west, east, n_points), rng.uniform(south, north, n_points)
    found = placed(project, x, y)["neighborhood_slug"]
    expected = contained(shapes, x, y)
    assert (found.fillna("none") == expected.fillna("none")).all()
    return int(expected.notna().sum())


def assert_borders_belong_to_a_neighbor(
    project: Project, shapes: dict[str, shapely.Geometry]
) -> int:
    """Each vertex and each middle of an edge lies in the first that touches it."""
    rings = [
        shapely.get_coordinates(r) for s in shapes.values() for r in shapely.get_rings(s)
    ]
    middles = [(ring[1:] + ring[:-1]) / 2 for ring in rings]
    points = np.unique(np.concatenate(rings + middles), axis=0)
    found = placed(project, points[:, 0], points[:, 1])["neighborhood_slug"]
    slugs = sorted(shapes)
    at = shapely.points(points)
    tree = shapely.STRtree([shapes[slug] for slug in slugs])
    # A tenth more and a tenth less: what lies between may be either.
    near, far = (
        pd.DataFrame(
            tree.query(at, "dwithin", TOLERANCE * factor).T, columns=["at", "slug"]
        )
        .groupby("at")["slug"]
        .min()
        .reindex(range(len(points)))
        for factor in (0.9, 1.1)
    )
    chosen = found.map({slug: number for number, slug in enumerate(slugs)})
    assert chosen.notna().all()
    assert ((chosen == near.to_numpy()) | (chosen == far.to_numpy())).all()
    return len(points)


def with_boundaries(folder: Path, file: Path) -> Project:
    project = new_project(folder)
    project.land("neighborhoods", file)
    project.run("--select", "+int_neighborhood_cells")
    return project


@pytest.fixture(scope="module")
def demo_shapes(demo: Path) -> dict[str, shapely.Geometry]:
    (file,) = (demo / "neighborhoods").iterdir()
    return polygons(file)


@pytest.fixture(scope="module")
def real_shapes(real_data: Path) -> dict[str, shapely.Geometry]:
    (file,) = (real_data / "boundaries").iterdir()
    return polygons(file)


@on_built
def test_points_lie_where_shapely_puts_them(
    built: Project, demo_shapes: dict[str, shapely.Geometry]
) -> None:
    assert assert_equal_to_shapely(built, demo_shapes, 50_000) > 40_000
    assert assert_borders_belong_to_a_neighbor(built, demo_shapes) > 300


@on_real
@pytest.mark.real_data
def test_points_lie_where_shapely_puts_them_within_the_real_boundaries(
    real: Project, real_shapes: dict[str, shapely.Geometry]
) -> None:
    assert assert_equal_to_shapely(real, real_shapes, 50_000) > 10_000
    assert assert_borders_belong_to_a_neighbor(real, real_shapes) > 10_000


def report_a_million_points(
    what: str,
    project: Project,
    shapes: dict[str, shapely.Geometry],
    report: Callable[[str, str], None],
) -> None:
    n_inside = assert_equal_to_shapely(project, shapes, 1_000_000)
    n_border = assert_borders_belong_to_a_neighbor(project, shapes)
    report(
        "Points in neighborhoods, against shapely",
        f"{what}: 1,000,000 random points, {n_inside:,} of them inside: 0 differ; "
        f"{n_border:,} vertices and middles of edges: each in the first neighborhood "
        "that touches it",
    )


@on_built
@pytest.mark.full
def test_a_million_points_lie_where_shapely_puts_them(
    built: Project,
    demo_shapes: dict[str, shapely.Geometry],
    report: Callable[[str, str], None],
) -> None:
    report_a_million_points("the demo's boundaries", built, demo_shapes, report)


@on_real
@pytest.mark.full
@pytest.mark.real_data
def test_a_million_points_lie_where_shapely_puts_them_within_the_real_boundaries(
    real: Project,
    real_shapes: dict[str, shapely.Geometry],
    report: Callable[[str, str], None],
) -> None:
    report_a_million_points("the city's boundaries", real, real_shapes, report)


@on_real
@pytest.mark.real_data
def test_stated_and_computed_places_agree_as_often_as_shapely_finds(
    real: Project, real_shapes: dict[str, shapely.Geometry], real_data: Path
) -> None:
    sent = pd.read_csv(
        real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv",
        usecols=["GEO_LON", "GEO_LAT", "NEIGHBORHOOD_ID"],
        encoding="latin-1",
    )
    slugs = dict(zip(neighborhoods().names, neighborhoods().slugs, strict=True))
    stated = sent["NEIGHBORHOOD_ID"].map(slugs)
    inside = contained(real_shapes, sent["GEO_LON"].to_numpy(), sent["GEO_LAT"].to_numpy())
    both = stated.notna() & inside.notna()
    n_compared, n_agreeing = int(both.sum()), int((stated[both] == inside[both]).sum())
    with duckdb.connect(str(real.paths.build), read_only=True) as connection:
        found = connection.execute(
            "select sum(n_stated), sum(n_compared), sum(n_agreeing) "
            "from reports.rpt_place_agreement "
            "where source = 'accidents' and vintage = 'crashes_22'"
        ).fetchone()
    assert found == (int(stated.notna().sum()), n_compared, n_agreeing)
    assert n_agreeing / n_compared > 0.95


@pytest.mark.long
@on_built
def test_changed_boundaries_reach_facts_built_before(
    built: Project, demo: Path, tmp_path: Path
) -> None:
    project = new_project(tmp_path / "data", demo)
    shutil.copytree(
        built.paths.data / "build", project.paths.build.parent, dirs_exist_ok=True
    )
    shutil.copyfile(built.paths.landing, project.paths.landing)
    models = ("--select", "+fct_accidents", "+fct_service_requests")
    before = contents(project)
    (old,) = (demo / "neighborhoods").iterdir()
    # Two neighbors change their names.
    text = old.read_text()
    for name, other in (("Baker", "~"), ("Speer", "Baker"), ("~", "Speer")):
        assert text.count(f'"{name}"') == 1
        text = text.replace(f'"{name}"', f'"{other}"')
    new = tmp_path / "neighborhoods_2018-01-01.geojson"
    new.write_text(text)
    project.land("neighborhoods", new)
    assert project.run(*models) > 0
    step_by_step = contents(project)
    for fact in ("marts.fct_accidents", "marts.fct_service_requests"):
        assert step_by_step[fact] != before[fact]
    assert project.run(*models) == 0
    project.run(*models, "--full-refresh")
    assert contents(project) == step_by_step


def test_a_boundary_may_have_parts_holes_and_neighbors_that_overlap(
    tmp_path: Path,
) -> None:
    def box(west: float, south: float, east: float, north: float) -> list:
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]

    shapes = {
        "Baker": {
            "type": "MultiPolygon",
            "coordinates": [
                [
                    box(-105.05, 39.65, -105.0, 39.7),
                    # A hole that touches nothing, with a part of its own inside.
                    box(-105.04, 39.66, -105.01, 39.69),
                ],
                [box(-105.03, 39.67, -105.02, 39.68)],
            ],
        },
        "Barnum": {"type": "Polygon", "coordinates": [box(-105.035, 39.6, -105.0, 39.665)]},
    }
    file = tmp_path / "neighborhoods_2024-01-01.geojson"
    file.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "geometry": geometry,
                        "properties": {"NBHD_ID": number, "NBHD_NAME": name},
                    }
                    for number, (name, geometry) in enumerate(shapes.items(), 1)
                ],
            }
        )
    )
    project = with_boundaries(tmp_path / "data", file)
    assert_equal_to_shapely(project, polygons(file), 20_000)
    assert_borders_belong_to_a_neighbor(project, polygons(file))


@on_built
def test_feet_of_the_state_plane_become_degrees(built: Project) -> None:
    rng = np.random.default_rng(5)
    feet = pd.DataFrame(
        {"x": rng.uniform(3000000, 3400000, 10_000), "y": rng.uniform(1.5e6, 1.9e6, 10_000)}
    )
    sql = compiled(
        built,
        "select {{ state_plane_longitude('x', 'y') }} as longitude, "
        "{{ state_plane_latitude('x', 'y') }} as latitude from feet",
    )
    with duckdb.connect() as connection:
        connection.register("feet", feet)
        found = connection.execute(sql).df()
    assert len(found) == len(feet)
    longitude, latitude = Transformer.from_crs(2232, 4326, always_xy=True).transform(
        feet["x"], feet["y"]
    )
    np.testing.assert_allclose(found["longitude"], longitude, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["latitude"], latitude, rtol=0, atol=1e-9)


@on_built
def test_a_point_is_repaired_only_where_that_is_proven(
    built: Project, demo_shapes: dict[str, shapely.Geometry]
) -> None:
    rng = np.random.default_rng(6)
    west, south, east, north = BOUNDS
    x, y = rng.uniform(west, east, 3_000), rng.uniform(south, north, 3_000)
    inside = contained(demo_shapes, x, y)
    feet = Transformer.from_crs(4326, 2232, always_xy=True).transform(x, y)
    for repair, longitude, latitude in (
        ("swapped", y, x),
        ("sign", -x, y),
        ("sign", x, -y),
        ("sign", -x, -y),
        ("state_plane", *feet),
    ):
        found = placed(built, np.asarray(longitude), np.asarray(latitude))
        assert (found["point_repair"].notna() == inside.notna()).all(), repair
        proven = found[inside.notna().to_numpy()]
        assert set(proven["point_repair"]) == {repair}
        assert list(proven["neighborhood_slug"]) == list(inside.dropna())
        np.testing.assert_allclose(proven["mapped_longitude"], x[inside.notna()], atol=1e-8)
        np.testing.assert_allclose(proven["mapped_latitude"], y[inside.notna()], atol=1e-8)
    # Zero, whole degrees, and a swap that also lost its sign.
    unplaced = placed(built, np.array([0.0, -105.0, 39.7]), np.array([0.0, 40.0, 105.0]))
    assert unplaced["mapped_longitude"].isna().all()


@on_built
def test_exactly_the_swapped_points_of_the_demo_are_repaired(
    built: Project, truth: dict
) -> None:
    kinds = {f["kind"] for f in truth["faults"]}
    assert {"swapped_coordinates", "zero_coordinates", "whole_degrees"} <= kinds
    with built.published() as connection:
        n_swapped, n_repaired, n_both, n_coarse, n_coarse_mapped = connection.execute(
            """
            select
                count(*) filter (where longitude > 30 and latitude < -100),
                count(*) filter (where point_repair = 'swapped'),
                count(*) filter (where point_repair = 'swapped' and longitude > 30),
                count(*) filter (where longitude in (0, -105)),
                count(*) filter (
                    where longitude in (0, -105) and mapped_longitude is not null
                )
            from marts.fct_service_requests
            """
        ).fetchone()
    assert n_swapped == n_repaired == n_both > 0
    assert n_coarse > 0 == n_coarse_mapped


@on_built
def test_the_demo_is_placed_where_it_was_made(built: Project) -> None:
    """The demo draws nearly all points inside the neighborhood that it states."""
    with built.published() as connection:
        found = connection.execute(
            """
            select count(*), count(*) filter (where stated = computed)
            from (
                select neighborhood_key as stated, computed_neighborhood_key as computed
                from marts.fct_accidents
                where mapped_longitude is not null
                union all
                select neighborhood_key, computed_neighborhood_key
                from marts.fct_service_requests
                where mapped_longitude is not null
            )
            inner join marts.dim_neighborhoods on stated = neighborhood_key
            where is_known
            """
        ).fetchone()
    assert found[0] > 1_000
    assert 0.99 < found[1] / found[0] <= 1
