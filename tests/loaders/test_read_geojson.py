"""Reading: outlines of places from GeoJSON."""

import json
from collections.abc import Callable

import pytest

from tests.lab import Lab, short

GEO = {
    "format": "geojson",
    "columns": {"a": {"required": True}, "b": {}, "geometry": {}},
}


def feature(**properties: object) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [-104.95, 39]}
    return {"type": "Feature", "properties": properties, "geometry": point}


def test_a_feature_is_a_row_and_its_geometry_text(lab: Callable[..., Lab]) -> None:
    things = lab(**GEO)
    features = [
        feature(a="x\r\n\"y\", 'z'", b=True, more=[1, {"k": None}]),
        feature(a="é", b=1.50),
        feature(a=None, b="\r"),
    ]
    things.land(json.dumps({"features": features}), "things.geojson")
    point = '{"type":"Point","coordinates":[-104.95,39]}'
    assert things.rows() == [
        ("x\r\n\"y\", 'z'", "true", point),
        ("é", "1.5", point),
        (None, "\r", point),
    ]
    assert things.all("select _extra from raw.things where _extra is not null") == [
        ('{"more":"[1,{\\"k\\":null}]"}',)
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"no json",
        b"[1]",
        b'{"features": [1]}',
        b'{"features": [{"properties": {}}]}',
        b'{"features": "x"}',
        b"[" * 100_000,
        b'{"features": [{"properties": {"a": "\\ud800"}, "geometry": null}]}',
        b"\xff\xfe{",
    ],
    ids=short,
)
def test_what_is_no_geojson_fails(lab: Callable[..., Lab], data: bytes) -> None:
    entry = lab(**GEO).land(data, "things.geojson")
    assert (entry.status, entry.reason) == ("failed", "geojson_unreadable")


@pytest.mark.parametrize(
    "data",
    [
        b'{"features": [{"properties": {"a": 1, "a": 2}, "geometry": null}]}',
        b'{"features": [{"properties": {"a": NaN}, "geometry": null}]}',
        b'{"features": [{"properties": {"a": 1e999}, "geometry": null}]}',
    ],
    ids=short,
)
def test_json_that_would_be_changed_by_reading_fails(
    lab: Callable[..., Lab], data: bytes
) -> None:
    entry = lab(**GEO).land(data, "things.geojson")
    assert (entry.status, entry.reason) == ("failed", "geojson_unreadable")


def test_geojson_too_large_for_memory_fails(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.files.geojson.MAX_GEOJSON_BYTES", 100)
    entry = lab(**GEO).land(json.dumps({"features": [feature(a="x" * 100)]}), "x.geojson")
    assert (entry.status, entry.reason) == ("failed", "geojson_too_large")
