"""Deliveries of every feed whose single values are as bad as text can be.

Each is a good delivery of the demo with more rows: for each column in turn, a good row in
which that column holds a value that nothing can be made of, once as another event, once
beside the good one of the same ids. What a build does with these, it does with any text.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, str]

VALUES = (
    *("", " ", "\u00a0", "null", "NaN", "inf", "-Infinity", "true", "[]", "{}", "''"),
    *("0", "-0", "-1", "1.5", "007", "1e308", "-1e308", "1_000", "0x1F", "1,5", "99.5%"),
    *("2147483647", "2147483648", "-2147483648", "9223372036854775807"),
    *("9223372036854775808", "9999999999999999.99", "99999999999999999.99", "9" * 400),
    *("-9999999999999999.99", "0." + "0" * 60 + "1", "100", "1000000", "250%"),
    *("0001-01-01 00:00:00-07", "0000-00-00 00:00:00", "1582-10-10 00:00:00-07"),
    *("1900-01-01 00:00:00-07", "1970-01-01 00:00:00", "1990-01-01 00:00:00-07"),
    *("1999-12-31 23:59:59", "2016-12-31 23:59:60-07", "2018-03-11 02:30:00"),
    *("2018-09-20 10:00:00-99", "2018-09-20 10:00:00+14", "2069-01-01 00:00:00"),
    *("2099-12-31 23:59:59-07", "9999-12-31 23:59:59", "290309-12-22", "infinity"),
    *("12/31/2099 11:59:59 PM", "1/1/1990", "-62135596800000", "4102444799000"),
    *("\x01\x1b[31m\x7f", "\u202egnp.exe", "\U0001f4a5" * 40, "ﷺ" * 200, "e\u0301" * 99),
    *("'; drop table x; --", "{{ 1 }}", "%s%n", "=cmd|' /C calc'!A1", "a" * 5_000),
)
# The columns by which events, or things of a list, are told apart.
IDS = {
    "purchases": "card_hash",
    "service_requests": "incident_address_1",
    "accidents": "offense_id",
    "products": "product_id",
    "kiosk_info": "kiosk_id",
}
# Of lists, after those of the demo.
LISTED_ON = "2018-10-01"


def write_hostile(demo: Path, inbox: Path) -> tuple[list[Path], dict[str, int]]:
    """Write a hostile delivery of each feed into an inbox.

    Returns:
        The files, and how many good rows stand at the head of each of the tables.
    """
    written, n_good = [], {}
    for feed, identity in IDS.items():
        newest = sorted((demo / feed).iterdir())[-1]
        rows = list(csv.DictReader(io.StringIO(_text(newest))))
        path = inbox / feed / f"{feed}_{LISTED_ON}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
            writer.writerows(_spoiled(rows, identity))
        written.append(path)
        n_good[feed] = len(rows)
    (boundaries,) = (demo / "neighborhoods").iterdir()
    path = inbox / "neighborhoods" / f"neighborhoods_{LISTED_ON}.geojson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(spoiled_boundaries(json.loads(boundaries.read_text()))))
    return [*written, path], n_good


def _text(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            member = max(archive.infolist(), key=lambda info: info.file_size)
            data = archive.read(member)
    return data.decode("utf-8-sig", errors="replace")


def _spoiled(rows: list[Row], identity: str) -> Iterator[Row]:
    """Good rows with one bad value each: of an event of its own, and of one there is."""
    column_of = {name.lower().replace(" ", "_"): name for name in rows[0]}
    for number, (column, value) in enumerate(
        (column, value) for column in column_of.values() for value in VALUES
    ):
        good = rows[number % len(rows)]
        yield good | {column: value}
        yield good | {column_of[identity]: f"77{number:08}", column: value}


def spoiled_boundaries(document: dict[str, Any]) -> dict[str, Any]:
    """Boundaries of the city, and beside them what is a boundary of nothing."""
    ring = [[-105.0, 39.7], [-104.9, 39.7], [-104.9, 39.8], [-105.0, 39.7]]
    swapped = [[y, x] for x, y in ring]
    bowtie = [[-105, 39.7], [-104.9, 39.8], [-104.9, 39.7], [-105, 39.8], [-105, 39.7]]
    world = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    huge = [[1e308, 1e308], [-1e308, 1e308], [1, 1], [1e308, 1e308]]
    nested: Any = 1
    for _ in range(60):
        nested = [nested]
    geometries: list[Any] = [
        None,
        {},
        [],
        "x",
        7,
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "GeometryCollection", "geometries": []},
        {"type": "Polygon"},
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]], "x"]},
        {"type": "MultiPolygon", "coordinates": [[bowtie], [ring], []]},
    ]
    geometries += [
        {"type": "Polygon", "coordinates": coordinates}
        for coordinates in (
            *(None, "x", {}, [], [[]], [[[]]], [[[1, 2]]], [ring[:2]], [ring[:3]]),
            *([ring], [swapped], [bowtie], [world], [huge], [ring, world], nested),
            [[[None, None], [1, 2], [2, 3], [None, None]]],
            [[["NaN", "NaN"], ["a", "b"], ["1", "2"], ["NaN", "NaN"]]],
            [[[x, y, 7.0] for x, y in ring]],
            [[["inf", "-inf"], *ring]],
            [ring * 2000],
        )
    ]
    known = document["features"][0]["properties"]
    features = [
        {
            "type": "Feature",
            "properties": {"NBHD_ID": str(900 + number), "NBHD_NAME": name},
            "geometry": geometry,
        }
        for number, geometry in enumerate(geometries)
        for name in (f"Odd {number}", known["NBHD_NAME"])
    ]
    features += [
        {
            "type": "Feature",
            "properties": known | {column: value},
            "geometry": document["features"][0]["geometry"],
        }
        for column in known
        for value in (*VALUES, None, 7, 1e308, True, [], {})
    ]
    return document | {"features": [*document["features"], *features]}
