"""Where things happen: the city's neighborhoods, and invented boundaries for them."""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from demo.margins import Floats, Ints
from demo.truth import Delivery, Truth

SEED_FILE = Path(__file__).parents[1] / "seeds" / "neighborhoods.csv"
FILE_NAME = "neighborhoods_2017-01-01.geojson"
WEST, SOUTH, EAST, NORTH = -105.11, 39.61, -104.6, 39.91
# Kilometers in a degree of longitude for one in a degree of latitude, in Denver.
SHRINK = 0.769

Point = tuple[float, float]


@dataclass(frozen=True)
class Neighborhoods:
    """The statistical neighborhoods; `reach` is how far from the centroid they go."""

    slugs: list[str]
    names: list[str]
    longitudes: Floats
    latitudes: Floats
    populations: Floats
    reach: Floats


@cache
def neighborhoods() -> Neighborhoods:
    """The neighborhoods, from the project's seed of facts."""
    with SEED_FILE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    longitudes = np.array([float(r["centroid_longitude"]) for r in rows])
    latitudes = np.array([float(r["centroid_latitude"]) for r in rows])
    east = (longitudes[:, None] - longitudes) * SHRINK
    apart = np.hypot(east, latitudes[:, None] - latitudes)
    np.fill_diagonal(apart, np.inf)
    return Neighborhoods(
        [r["neighborhood_slug"] for r in rows],
        [r["neighborhood_name"] for r in rows],
        longitudes,
        latitudes,
        np.array([float(r["population_2010"]) for r in rows]),
        # Half way to the nearest centroid is still inside the neighborhood.
        apart.min(axis=1) * 0.45,
    )


def points_in(rng: np.random.Generator, place: Ints) -> tuple[Floats, Floats]:
    """A point inside each of these neighborhoods: longitudes and latitudes."""
    known = neighborhoods()
    distance = known.reach[place] * np.sqrt(rng.random(place.size))
    angle = 2 * np.pi * rng.random(place.size)
    longitude = known.longitudes[place] + distance * np.cos(angle) / SHRINK
    return longitude, known.latitudes[place] + distance * np.sin(angle)


def cells() -> list[list[Point]]:
    """A closed ring around each centroid: all that is nearer to it than to others."""
    known = neighborhoods()
    centers = list(zip(known.longitudes.tolist(), known.latitudes.tolist(), strict=True))
    rings = []
    for center in centers:
        ring = [(WEST, SOUTH), (EAST, SOUTH), (EAST, NORTH), (WEST, NORTH)]
        for other in centers:
            if other != center:
                ring = _nearer(ring, center, other)
        ring = [(round(x, 7), round(y, 7)) for x, y in ring]
        rings.append([*ring, ring[0]])
    return rings


def _nearer(ring: list[Point], center: Point, other: Point) -> list[Point]:
    """The part of a convex ring that is nearer to one center than to another."""
    east = (other[0] - center[0]) * SHRINK**2
    north = other[1] - center[1]
    middle = (other[0] + center[0]) / 2, (other[1] + center[1]) / 2

    def beyond(point: Point) -> float:
        return (point[0] - middle[0]) * east + (point[1] - middle[1]) * north

    kept: list[Point] = []
    for start, end in zip(ring, ring[1:] + ring[:1], strict=True):
        at_start, at_end = beyond(start), beyond(end)
        if at_start <= 0:
            kept.append(start)
        if at_start * at_end < 0:
            part = at_start / (at_start - at_end)
            kept.append(
                (
                    start[0] + part * (end[0] - start[0]),
                    start[1] + part * (end[1] - start[1]),
                )
            )
    return kept


def write_neighborhoods(out: Path, truth: Truth) -> None:
    """Write the boundaries as one GeoJSON file, a feature a line."""
    known = neighborhoods()
    features = [
        json.dumps(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {
                    "NBHD_ID": number,
                    "NBHD_NAME": name,
                    "TYPOLOGY": "",
                    "NOTES": "synthetic boundary",
                },
            },
            separators=(",", ":"),
        )
        for number, (name, ring) in enumerate(zip(known.names, cells(), strict=True), 1)
    ]
    path = out / "neighborhoods" / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(features)
    path.write_text(
        f'{{"type":"FeatureCollection","features":[\n{body}\n]}}\n', encoding="utf-8"
    )
    truth.deliveries.append(
        Delivery(
            feed="neighborhoods",
            file=path.relative_to(out).as_posix(),
            member=None,
            as_of="2017-01-01T00:00:00",
            records=len(features),
            rejected=[],
            blank=0,
            set_aside=[],
            encoding="utf-8",
            layout="statistical_neighborhoods",
        )
    )
    truth.neighborhoods["count"] = len(features)
