"""Files made to fill the disk, the memory or the time of those who land them."""

import contextlib
import io
import json
import os
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner, Result

from loaders import disk
from loaders.cli.main import main
from loaders.config.feeds import Limits, load_feeds
from loaders.config.paths import Paths
from loaders.errors import DeliveryError, EventmartError, UsageError
from loaders.files import csv_limits, geojson
from loaders.files.archives import members
from loaders.landing import parse
from loaders.landing.database import open_landing
from loaders.landing.land import land_file
from loaders.landing.s3_events import objects_of
from loaders.sources import local
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
GOOD = b"a,b,c\n1,2,3\n"
GEO = {"format": "geojson", "columns": {"a": {"required": True}, "geometry": {}}}


@pytest.fixture
def run(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run a command on a feed `things` whose files come to the inbox."""
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    feed = make_feed(sources=("things/*.csv",))
    settings = feed.model_dump(mode="json", exclude_none=True, exclude={"name"})
    file = tmp_path / "feeds.yml"
    file.write_text(yaml.safe_dump({"feeds": {"things": settings}}))
    (paths.inbox / "things").mkdir(parents=True)
    return lambda *words: CliRunner().invoke(main, ["--feeds", str(file), *words])


def refused(things: Lab, path: Path, reason: str) -> str:
    """Land what must not land; returns what is said of it."""
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert (entry.status, entry.reason) == ("failed", reason)
    assert things.counts() == (0, 0, 0)
    return str(entry.detail)


# ---------------------------------------------------------------- no files


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    # By its name alone: a socket's whole path has room for 107 bytes only.
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):
        made.bind(path.name)


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


KINDS = [fifo, unix_socket, device, Path.mkdir]


@pytest.mark.fault("hostile.not_a_file")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["b.csv", "b.zip", "b.csv.gz"])
def test_what_took_the_place_of_a_listed_file_is_one_failure(
    lab: Labs, name: str, kind: Callable[[Path], None]
) -> None:
    things = lab()
    file = things.file(GOOD, name)
    (offer,) = local.named(str(file), things.feed)
    file.unlink()
    kind(file)
    fetched = offer.fetch(things.files, None)
    assert fetched
    (entry,) = land_file(things.warehouse, things.feed, fetched.path)
    assert entry.reason in ("not_a_file", "unreadable")
    file.rmdir() if file.is_dir() else file.unlink()
    assert things.land(GOOD).status == "landed"


@pytest.mark.fault("hostile.not_a_file")
def test_a_pipe_that_comes_between_two_readings_is_one_failure(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab()
    file = things.file(GOOD)
    honest = land_file.__globals__["members_of"]

    def members_of(*arguments: object) -> object:
        found = honest(*arguments)
        file.unlink()
        os.mkfifo(file)
        return found

    monkeypatch.setitem(land_file.__globals__, "members_of", members_of)
    refused(things, file, "not_a_file")


@pytest.mark.fault("hostile.not_a_file")
def test_what_is_no_file_in_the_inbox_keeps_nothing_out(
    run: Callable[..., Result], paths: Paths
) -> None:
    folder = paths.inbox / "things"
    (folder / "good.csv").write_bytes(GOOD)
    for kind in KINDS:
        kind(folder / f"{kind.__name__}.csv")
    result = run("land")
    assert result.stdout.splitlines()[-1].startswith("landed ")
    for kind in (fifo, device):
        assert run("land", "things", str(folder / f"{kind.__name__}.csv")).exit_code == 2


@pytest.mark.fault("hostile.not_a_file", "hostile.command_line")
@pytest.mark.parametrize("kind", [fifo, device], ids=lambda kind: kind.__name__)
def test_settings_that_are_no_file_are_said(
    tmp_path: Path, kind: Callable[[Path], None]
) -> None:
    kind(tmp_path / "x")
    with pytest.raises(UsageError, match="is not a regular file"):
        load_feeds(tmp_path / "x")


# ---------------------------------------------------------------- too large


def sparse(path: Path, n_bytes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(n_bytes)
    return path


@pytest.mark.fault("hostile.room", "process.disk_full")
def test_a_sparse_file_costs_nothing_and_keeps_nothing_out(
    run: Callable[..., Result], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse(paths.inbox / "things/1.csv", 1 << 40)
    sparse(paths.inbox / "things/2.csv", 50 << 30)
    (paths.inbox / "things/3.csv").write_bytes(GOOD)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=9 << 30))  # type: ignore[attr-defined]
    first, again = run("land"), run("land")
    assert (first.exit_code, again.exit_code) == (4, 4)
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["landed"]
    assert "too_large: 1.csv: has 1,099,511,627,776 bytes" in first.stderr
    assert "no_space: 2.csv: needs about 53,687,091,200 bytes of disk" in first.stderr
    assert again.stderr.count("still failed") == 2
    kept = sum(file.stat().st_size for file in paths.drops.iterdir())
    assert kept < 1000
    with open_landing(paths.landing) as landing:
        assert landing.execute("select count(*) from raw.deliveries").fetchone() == (3,)


@pytest.mark.fault("hostile.room", "process.disk_full")
def test_what_had_no_room_is_tried_again_as_soon_as_there_is(
    run: Callable[..., Result], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse(paths.inbox / "things/1.csv", 70 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "AMPLE", 1)
        patch.setattr(
            disk.shutil,  # type: ignore[attr-defined]
            "disk_usage",
            lambda _: SimpleNamespace(free=69 << 20),
        )
        assert "no_space" in run("land").stderr
    assert "no_space" not in run("land").output


@pytest.mark.fault("hostile.room", "archive.bomb", "process.disk_full")
def test_what_an_archive_unpacks_to_is_asked_for_on_the_way(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab(limits={"ratio": 100_000})
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("x.csv", GOOD + b"1,2,3\n" * 30_000_000)
    path = things.file(target.getvalue(), "x.zip")
    monkeypatch.setattr(disk, "AMPLE", 1 << 20)
    monkeypatch.setattr(
        disk.shutil,  # type: ignore[attr-defined]
        "disk_usage",
        lambda _: SimpleNamespace(free=100 << 20),
    )
    with pytest.raises(DeliveryError, match=r"x\.zip: needs about") as caught:
        land_file(things.warehouse, things.feed, path)
    assert caught.value.reason == "no_space"
    assert things.ledger() == []
    assert not things.warehouse.paths.spool.exists()


@pytest.mark.fault("process.disk_full")
def test_a_disk_that_is_full_concerns_all(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab()
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))  # type: ignore[attr-defined]
    with pytest.raises(EventmartError, match="free some space") as caught:
        things.land(GOOD)
    assert not isinstance(caught.value, DeliveryError)


# ---------------------------------------------------------------- too many


@pytest.mark.fault("hostile.room", "archive.members")
def test_many_small_members_are_not_named_with_each_other(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for member in range(250):
            packed.writestr(f"{member}.csv", GOOD)
            packed.writestr(f"{member}.txt", b"x")
    found = members(path, "*.csv", Limits(), lambda _: (3, 3))
    assert len(found) == 250
    # What lies beside them is named once: the square of their number would be too many.
    assert len({id(member.beside) for member in found}) == 1


@pytest.mark.fault("hostile.room", "text.huge")
@pytest.mark.parametrize(
    "header",
    [
        b"a,b,c" + b"".join(b",u%d" % n for n in range(5_000)),
        b"a,b,c" + b"," * 5_000,
        b"a" * (17 << 20),
        b"a,b,c," + b"x" * (17 << 20),
        b"a" + b",a" * 300_000,
    ],
    ids=["many", "blank", "one name", "long name", "one many times"],
)
def test_a_header_of_too_much_is_refused_at_once(lab: Labs, header: bytes) -> None:
    things = lab()
    began = time.process_time()
    detail = refused(things, things.file(header + b"\n1,2,3\n"), "header_unreadable")
    assert time.process_time() - began < 5
    assert "5,000 columns" in detail or "16,777,216 bytes" in detail


@pytest.mark.fault("hostile.room", "text.added_column")
def test_as_many_columns_as_are_allowed_land(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_limits, "MAX_COLUMNS", 300)
    things = lab()
    names = [f"u{n}" for n in range(csv_limits.MAX_COLUMNS - 3)]
    entry = things.land(f"a,b,c,{','.join(names)}\n1,2,3{',4' * len(names)}\n")
    assert (entry.status, entry.n_new) == ("landed", 1)
    assert str(entry.detail).endswith(" and 277 more")


@pytest.mark.fault("hostile.room", "text.huge")
def test_names_that_each_row_would_repeat_are_bounded(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "_SMALL", 1 << 20)
    names = ",".join(f"{n}" + "x" * 1000 for n in range(100))
    data = f"a,{names}\n" + f"1{',2' * 100}\n" * 300
    things = lab()
    detail = refused(things, things.file(data), "names_too_long")
    assert "30,000 columns" not in detail
    assert "100 unknown columns, kept with each of 300 rows" in detail
    monkeypatch.undo()
    entry = things.land(data)
    assert entry.status == "landed"
    assert len(str(entry.detail)) < 3000


@pytest.mark.fault("hostile.room")
def test_a_message_is_no_longer_than_people_read(lab: Labs) -> None:
    things = lab()
    name = "x" * 100_000
    entry = things.land(f"{name},{name}\n1,2\n")
    assert entry.reason == "duplicate_column"
    assert len(str(entry.detail)) < 4_100


def collection(*features: dict[str, object]) -> str:
    made = [{"type": "Feature", "geometry": None, **one} for one in features]
    return json.dumps({"type": "FeatureCollection", "features": made})


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.fault("hostile.room", "text.huge")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DEEP, "geojson_unreadable"),
        (
            f'{{"features": [{{"properties": {{"a": {DEEP}}}, "geometry": null}}]}}',
            "geojson_unreadable",
        ),
        ('{"features": [{"properties": {"a": ' + '{"a":' * 50_000, "geojson_unreadable"),
        (
            collection(*({"properties": {f"n{n}": 1}} for n in range(5_001))),
            "geojson_too_large",
        ),
        (
            collection(*({"properties": {f"n{n % 900}": 1}} for n in range(9_000))),
            "geojson_too_large",
        ),
        (collection({"properties": {"\ud800x": "v"}}), "geojson_unreadable"),
        (collection({"properties": {"a": "\udfff"}}), "geojson_unreadable"),
        (collection({"properties": {"a": 1}}).replace("1", "9" * 5_000), "geojson_unre"),
        ("[" + "[]," * 1_000 + "[]]", "geojson_too_large"),
        (collection({"properties": {"a": "x" * 8_193}}), "geojson_too_large"),
        (collection({"properties": {"a": ["\u20ac" * 90] * 40}}), "geojson_too_large"),
    ],
    ids=[
        *("deep", "deep value", "deep and cut", "names", "spread", "surrogate name"),
        *("surrogate value", "digits", "many values", "long", "long list"),
    ],
)
def test_geojson_that_grows_is_one_failure(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    if text.startswith("[[],"):
        monkeypatch.setattr(geojson, "MAX_GEOJSON_VALUES", 1_000)
    things = lab(**GEO)
    began = time.process_time()
    (entry,) = land_file(things.warehouse, things.feed, things.file(text, "x.geojson"))
    assert time.process_time() - began < 5
    assert entry.status == "failed"
    assert str(entry.reason).startswith(reason)
    assert things.counts() == (0, 0, 0)


@pytest.mark.fault("hostile.room", "delivery.odd_name")
@pytest.mark.parametrize(
    "name", ["x" * 251 + ".csv", "ü" * 125 + ".csv", b"\xff" * 251 + b".csv"], ids=range(3)
)
def test_a_name_of_255_bytes_lands(lab: Labs, name: str | bytes) -> None:
    things = lab()
    assert things.land(GOOD, os.fsdecode(name)).status == "landed"


# ---------------------------------------------------------------- events

GOOD_EVENT = {"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}


def deep(event: object, times: int) -> object:
    for _ in range(times):
        event = {"Records": [event]}
    return event


@pytest.mark.fault("hostile.events")
@pytest.mark.parametrize(
    "event",
    [
        {"s3": {"bucket": {"name": "x"}, "object": {"key": 5}}},
        {"s3": {"bucket": {"name": None}, "object": {"key": "k"}}},
        {"s3": {"bucket": "x", "object": []}},
        {"source": "aws.s3", "detail": {}},
        {"source": "aws.s3", "detail": {"bucket": {"name": 1}, "object": {"key": "k"}}},
        {"source": "aws.s3"},
        *({"body": text} for text in ("hello", "5", "[1]", '"x"', "null", "[" * 100_000)),
        {"Sns": {"Message": "[[]]"}},
        {"Records": ["x"]},
        {"Records": {}},
        {"Records": [GOOD_EVENT, 5]},
        deep(GOOD_EVENT, 3000),
        {"x" * 9000: 1},
        *(5, None, [], "x"),
    ],
    ids=lambda event: repr(event)[:25]
    if not isinstance(event, dict)
    else str([*event])[:25],
)
def test_an_event_of_no_sense_is_one_clear_error(event: object) -> None:
    with pytest.raises(UsageError, match="not an event of S3") as caught:
        list(objects_of(event))
    assert len(str(caught.value)) < 300


@pytest.mark.fault("hostile.events")
def test_messages_in_messages_are_read(lab: Labs) -> None:
    assert list(objects_of(deep(GOOD_EVENT, 5))) == ["s3://b/k"]
    text: object = GOOD_EVENT
    for _ in range(3):
        text = {"body": json.dumps(text)}
    assert list(objects_of(text)) == ["s3://b/k"]


# ---------------------------------------------------------------- the command line


@pytest.mark.fault("hostile.command_line")
@pytest.mark.parametrize(
    "words",
    [
        ("published", "0001-01-01T00:00+14:00"),
        ("published", "9999-12-31T23:59-14:00"),
        ("published", "9999-12-31"),
        ("published", "0001-01-01"),
        ("published", "²016-01-01"),
        ("as-of", "0001-01-01"),
        ("as-of", "9999-12-31"),
        ("land", "things", "{file}", "--as-of", "0001-01-01"),
        ("land", "things", "{file}", "--as-of", "1899-12-31"),
        ("land", "things", "{file}", "--as-of", "2200-01-01"),
        ("land", "things", "{file}", "--as-of", "9999-12-31"),
        ("land", "things", "{file}", "--covers", "0001-01-01", "2016-01-01"),
        ("land", "things", "{file}", "--covers", "2016-01-01", "9999-12-31"),
        ("land", "things", "{file}", "--wait", "nan"),
        ("land", "things", "{file}", "--wait", "inf"),
        ("land", "things", "{file}", "--wait", "-1"),
        ("diff", "things", "{file}", "--as-of", "0003-01-01"),
        ("accept", "9223372036854775808", "--by", "x", "--why", "y"),
        ("accept", "-1", "--by", "x", "--why", "y"),
        ("replay", "things", "--delivery", "99999999999999999999"),
        ("rejects", "--delivery", "99999999999999999999"),
        ("rejects", "--delivery", "0"),
        ("rejects", "--limit", "-5"),
        ("rejects", "--feed", "\udce9"),
        ("accept", "1", "--by", "\udce9", "--why", "y"),
        ("accept", "1", "--by", "x", "--why", "\ud800"),
        ("answers", "--about", "\udce9"),
        ("demo", "--scale", "nan"),
        ("demo", "--scale", "1e300"),
        ("demo", "--scale", "0"),
        ("demo", "--seed", "-1"),
        ("demo", "--seed", "9" * 30),
        ("watch", "things", "--every", "99999999h"),
    ],
    ids=lambda words: " ".join(words)[:45],
)
def test_what_cannot_be_meant_is_said_and_changes_nothing(
    run: Callable[..., Result], paths: Paths, words: tuple[str, ...]
) -> None:
    file = paths.inbox / "things/x.csv"
    file.write_bytes(GOOD)
    result = run(*(word.format(file=file) for word in words))
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr) < 700
    assert not (paths.data / "demo").exists()
    if paths.landing.exists():
        with open_landing(paths.landing) as landing:
            assert landing.execute("select count(*) from raw.deliveries").fetchone() == (0,)


@pytest.mark.fault("hostile.command_line", "hostile.terminal")
@pytest.mark.parametrize(
    "words", [("x\x1b[31m",), ("land", "--x\u202ey"), ("init", "\x07")]
)
def test_words_of_a_call_are_safe_to_be_shown(
    run: Callable[..., Result], words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.replace("\n", "").isprintable()


@pytest.mark.fault("hostile.command_line", "delivery.odd_name")
@pytest.mark.parametrize("year", ["0001", "1582", "1899", "2200", "9999"])
def test_a_year_in_a_name_that_cannot_be_is_no_date(lab: Labs, year: str) -> None:
    things = lab(mode="window")
    entry = things.land(f"a,b\n1,{2024}-01-05\n", f"x {year}-01-01.csv")
    assert (entry.status, entry.as_of_source) == ("landed", "arrival")
