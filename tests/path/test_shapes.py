"""The outlines for maps are the boundaries, as shapely reads them, but simpler."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from tests.path.test_places import polygons
from tests.projects import Project


def drawn(path: str) -> shapely.Geometry:
    """What an SVG shows of a path, filled by the rule evenodd."""
    rings = re.findall(r"M(-?\d+) (-?\d+)l([-\d ]*)z", path)
    # Nothing stands between the rings: each is closed.
    assert "".join(f"M{x} {y}l{steps}z" for x, y, steps in rings) == path
    shape = shapely.Polygon()
    for x, y, steps in rings:
        numbers = np.array([x, y, *steps.split()], dtype=int).reshape(-1, 2)
        ring = shapely.Polygon(numbers.cumsum(axis=0))
        assert ring.is_valid
        shape = shape.symmetric_difference(ring)
    return shape


def assert_shapes_are_those(project: Project, file: Path) -> int:
    """Same neighborhoods, area, place and borders; returns the length of all paths."""
    with project.unpublished() as connection:
        shapes = connection.sql("from marts.dim_neighborhood_shapes").df()
    first = shapes.iloc[0]

    def projected(degrees: np.ndarray) -> np.ndarray:
        x = (degrees[:, 0] - first["origin_longitude"]) * first["units_per_longitude"]
        y = (first["origin_latitude"] - degrees[:, 1]) * first["units_per_latitude"]
        return np.column_stack([x, y])

    true = {
        slug: shapely.transform(shape, projected) for slug, shape in polygons(file).items()
    }
    assert {*shapes["neighborhood_slug"]} == {*true}
    assert [*shapes.loc[shapes["is_inset"], "neighborhood_slug"]] == ["dia"]
    found: list[shapely.Geometry] = []
    for _, row in shapes.iterrows():
        shape, boundary = drawn(row["outline_path"]), true[row["neighborhood_slug"]]
        assert shape.area == pytest.approx(boundary.area, rel=0.02), row[
            "neighborhood_slug"
        ]
        assert shape.symmetric_difference(boundary).area < 0.03 * boundary.area
        assert shape.contains(shapely.Point(row["label_x"], row["label_y"]))
        sides = row[["west_x", "north_y", "east_x", "south_y"]]
        assert shape.bounds == tuple(sides)
        found.append(shape)
    # Neighbors neither overlap nor leave gaps, but for what the file itself has.
    united = shapely.union_all(found)
    assert pd.Series([one.area for one in found]).sum() - united.area < 1e-4 * united.area
    holes = shapely.union_all([*true.values()]).area
    assert united.area == pytest.approx(holes, rel=1e-3)
    return int(shapes["outline_path"].str.len().sum())


@pytest.mark.xdist_group("built")
def test_demo_boundaries_are_drawn(built: Project, demo: Path) -> None:
    (file,) = (demo / "neighborhoods").iterdir()
    assert assert_shapes_are_those(built, file) < 30_000


@pytest.mark.real_data
@pytest.mark.xdist_group("real")
def test_real_boundaries_are_drawn(real: Project, real_data: Path) -> None:
    (file,) = (real_data / "boundaries").iterdir()
    assert assert_shapes_are_those(real, file) < 30_000
