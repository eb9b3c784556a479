"""Real open data lands whole, with both laws exact, every value as sent."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.config.feeds import Feed, canonical, load_feeds
from tests.lab import Lab

pytestmark = pytest.mark.real_data

SERVICE_REQUESTS = "service_requests/311_service_requests_2015_h1_sample.csv"
ACCIDENTS_2014 = "accidents/traffic_accidents_2014-05_vintage_excerpt.csv"
ACCIDENTS_2019 = "accidents/traffic_accidents_2019-08_vintage_2015_2017.csv"
PRODUCTS = "purchases/product_info.csv"
NEIGHBORHOODS = "boundaries/statistical_neighborhoods_2017.geojson"


def feed(name: str) -> Feed:
    return load_feeds()[name]


def sent_rows(data: bytes, feed: Feed) -> Counter[tuple[str | None, ...]]:
    """The rows of a file by Python's csv module, in the feed's columns."""
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    names = [feed.by_header.get(canonical(sent), sent) for sent in header]
    nulls = {*feed.null_words}
    found = Counter[tuple[str | None, ...]]()
    for row in rows:
        values = dict(zip(names, row, strict=True))
        found[
            tuple(
                None if values.get(name, "") in nulls else values[name]
                for name in feed.columns
            )
        ] += 1
    return found


@pytest.mark.parametrize(
    ("name", "file", "n_rows", "layout"),
    [
        ("service_requests", SERVICE_REQUESTS, 24_083, "open_data_24"),
        ("accidents", ACCIDENTS_2014, 4_171, "offenses_17"),
        ("accidents", ACCIDENTS_2019, 72_610, "crashes_22"),
        ("products", PRODUCTS, 330, "product_info"),
    ],
)
def test_a_real_file_lands_whole_and_as_sent(
    lab: Callable[..., Lab],
    real_data: Path,
    name: str,
    file: str,
    n_rows: int,
    layout: str,
) -> None:
    data = (real_data / file).read_bytes()
    things = lab(feed(name))
    entry = things.land(data, Path(file).name)
    assert (entry.status, entry.layout) == ("landed", layout)
    assert (entry.n_records, entry.n_new, entry.n_known) == (n_rows, n_rows, 0)
    assert (entry.n_rejected, entry.n_blank) == (0, 0)
    assert Counter(things.rows()) == sent_rows(data, things.feed)
    assert things.all(f"select count(_extra) from raw.{name}") == [(0,)]
    assert things.counts() == (n_rows, n_rows, 0)


def test_real_layouts_of_two_series_lie_side_by_side(
    lab: Callable[..., Lab], real_data: Path
) -> None:
    things = lab(feed("accidents"))
    for file in (ACCIDENTS_2014, ACCIDENTS_2019):
        lines = (real_data / file).read_bytes().splitlines(keepends=True)
        things.land(b"".join(lines[:1001]), Path(file).name)
    assert things.all(
        "select series, n_new, n_absent from raw.deliveries order by delivery_seq"
    ) == [("main", 1000, 0), ("crashes_22", 1000, 0)]
    assert [bag.total() for bag in things.present().values()] == [1000, 1000]
    things.check_laws()


def test_the_real_neighborhoods_land_with_their_shapes(
    lab: Callable[..., Lab], real_data: Path
) -> None:
    data = (real_data / NEIGHBORHOODS).read_bytes()
    things = lab(feed("neighborhoods"))
    entry = things.land(data, "neighborhoods.geojson")
    assert (entry.status, entry.n_records, entry.n_new) == ("landed", 78, 78)
    rows = things.all("select nbhd_name, geometry from raw.neighborhoods order by _line")
    sent = json.loads(data)["features"]
    assert [name for name, _ in rows] == [f["properties"]["NBHD_NAME"] for f in sent]
    assert [json.loads(shape) for _, shape in rows] == [f["geometry"] for f in sent]
    things.check_laws()
