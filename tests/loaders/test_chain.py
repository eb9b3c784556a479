"""A landing is known by its chain, and so is what was made of another, or of a copy."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.errors import EventmartError
from loaders.landing import chain, ledger
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.land import accept, land_file
from loaders.landing.ledger import Entry
from loaders.landing.replay import replay
from loaders.landing.schema import create_tables, migrate
from loaders.landing.withdraw import withdraw
from loaders.publishing.recovery import Fork, find_fork, recover
from loaders.publishing.versions import Version, folder_of, sha256_of
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
Run = Callable[..., Result]
FEEDS = {"things": make_feed(mode="window")}


@contextmanager
def opened(paths: Paths) -> Iterator[Lab]:
    """The landing of a data folder, until the block ends."""
    with open_landing(paths.landing) as landing:
        yield Lab(Warehouse(landing, paths), FEEDS["things"], paths.data.parent / "files")


def land(paths: Paths, *texts: str) -> None:
    """Land a delivery of each text, the later the further it stands."""
    with opened(paths) as things:
        (n_before,) = things.all("select count(*) from raw.deliveries")[0]
        for number, text in enumerate(texts, n_before + 1):
            entry = things.land(
                f"a,b\n{text},2023-12-31\n", f"{text}.csv", f"2024-01-{number:02}"
            )
            assert entry.status in ("landed", "seen_again")


def tip(paths: Paths) -> str:
    with open_landing(paths.landing, read_only=True) as landing:
        return chain.read_tip(landing)


def copy_of(paths: Paths, name: str = "backup.duckdb") -> Path:
    return Path(shutil.copyfile(paths.landing, paths.data.parent / name))


# ---------------------------------------------------------------- the chain


def test_all_that_becomes_of_deliveries_is_chained_as_it_was_entered(lab: Labs) -> None:
    things = lab(
        mode="window", encodings=["utf-8"], as_of={"arrival": True, "formats": ["%Y-%m-%d"]}
    )
    things.land(b"a,b\n1,2024-01-01\n2,caf\xe9\n", as_of="2024-01-02T03:04:05.000006")
    things.land(b"a,b\n1,2024-01-01\n2,caf\xe9\n")
    things.land("", "empty.csv")
    things.land("x,y\n1,2\n", "held.csv")
    things.land(b"PK\x03\x04 and no more", "broken.zip")
    days = (date(2024, 1, 1), date(2024, 1, 31))
    path = things.file("a,b\n5,2024-01-05\n", "part.csv")
    land_file(things.warehouse, things.feed, path, covers=days)
    things.feed = make_feed(mode="window", encodings=["utf-8", "cp1252"])
    replay(things.warehouse, things.feed)
    statuses = {status for (status,) in things.all("select status from raw.deliveries")}
    assert statuses == {"landed", "seen_again", "empty", "held", "failed", "replayed"}
    assert chain.find_damage(things.landing) is None
    assert chain.is_whole(things.landing)
    assert things.all("select delivery_seq from raw.ledger_chain order by 1") == [
        (number,) for number in range(8)
    ]


def test_what_is_taken_back_is_not_chained(lab: Labs) -> None:
    things = lab()
    before = chain.read_tip(things.landing)
    things.landing.execute("begin")
    ledger.enter(things.landing, Entry("things", "increment", "a file"))
    assert chain.read_tip(things.landing) != before
    things.landing.execute("rollback")
    assert chain.read_tip(things.landing) == before


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ("update deliveries set uri = 'x' where delivery_seq = 2", 2),
        ("update deliveries set as_of = as_of + interval 1 day where delivery_seq = 2", 2),
        ("update deliveries set change_seq = 9 where delivery_seq = 1", 1),
        ("update deliveries set covers_from = as_of where delivery_seq = 3", 3),
        ("update deliveries set sha256 = null where delivery_seq = 3", 3),
        ("update deliveries set n_records = 0 where delivery_seq = 3", 3),
        ("update deliveries set delivery_seq = 3 - delivery_seq where delivery_seq < 3", 1),
        ("delete from deliveries where delivery_seq = 1", 1),
        ("delete from deliveries where delivery_seq = 3", 3),
        ("delete from deliveries", 1),
        ("insert into deliveries from deliveries where delivery_seq = 2", 2),
        ("insert into deliveries select * replace (0 as delivery_seq) from deliveries", 0),
        ("insert into deliveries select * replace (0 - 1 as delivery_seq) "
         "from deliveries", -1),
        ("insert into deliveries select * replace (7 as delivery_seq) from deliveries", 7),
        ("update ledger_chain set hash = 'x' where delivery_seq = 2", 2),
        ("update ledger_chain set hash = 'x' where delivery_seq = 0", 1),
        ("delete from ledger_chain where delivery_seq = 2", 3),
    ],
)  # fmt: skip
@pytest.mark.fault("restored.changed_by_hand")
def test_the_first_entry_that_was_changed_by_hand_is_named(
    lab: Labs, change: str, seq: int
) -> None:
    things = lab()
    for text in ("1", "2", "3"):
        things.land(f"a\n{text}\n", f"{text}.csv")
    chain.check(things.landing)
    things.landing.execute(f"use raw; {change}; use main")
    with pytest.raises(EventmartError, match=f"delivery {seq} (is not in|was not entered)"):
        chain.check(things.landing)


@pytest.mark.parametrize(
    "change",
    [
        "alter table raw.deliveries add column n_later bigint default 0",
        "alter table raw.deliveries add column later varchar",
    ],
)
def test_columns_of_a_later_version_change_no_hash(lab: Labs, change: str) -> None:
    things = lab()
    things.land("a\n1\n")
    things.landing.execute(change)
    chain.check(things.landing)


def test_rows_that_are_counted_again_change_no_hash(lab: Labs) -> None:
    things = lab()
    for text in ("nil", ""):
        things.land(f"a,b\n1,{text}\n", f"{text}.csv")
    create_tables(things.landing, {"things": make_feed(null_markers=["nil"])})
    counts = things.all("select n_new, n_known from raw.deliveries order by delivery_seq")
    assert counts == [(1, 0), (0, 1)]
    chain.check(things.landing)


# ---------------------------------------------------------------- copies put back


def grown(paths: Paths) -> None:
    land(paths, "more")


def untouched(paths: Paths) -> None:
    """Nothing becomes of it."""


def put_back(paths: Paths) -> None:
    shutil.copyfile(paths.data.parent / "backup.duckdb", paths.landing)


def put_back_and_others_landed(paths: Paths) -> None:
    put_back(paths)
    land(paths, "other")


def put_back_and_the_same_landed(paths: Paths) -> None:
    put_back(paths)
    land(paths, "second")


def made_anew(paths: Paths) -> None:
    paths.landing.unlink()
    land(paths, "first", "second")


def of_another_folder(paths: Paths) -> None:
    other = Paths(paths.data / "other", paths.inbox)
    land(other, "first", "second")
    other.landing.replace(paths.landing)


def last_entry_removed(paths: Paths) -> None:
    with open_landing(paths.landing) as landing:
        for table in ("deliveries", "ledger_chain"):
            landing.execute(f"delete from raw.{table} where delivery_seq = 2")
    land(paths, "second")


FORKS = [
    put_back,
    put_back_and_others_landed,
    put_back_and_the_same_landed,
    made_anew,
    of_another_folder,
    last_entry_removed,
]


@pytest.mark.parametrize(
    "is_fork",
    [*((f, True) for f in FORKS), (grown, False), (untouched, False)],
    ids=lambda x: x[0].__name__,
)
@pytest.mark.fault("restored.landing")
def test_a_landing_that_has_not_only_grown_is_told_by_its_chain(
    paths: Paths, is_fork: tuple[Callable[[Paths], None], bool]
) -> None:
    happens, is_another = is_fork
    land(paths, "first")
    copy_of(paths)
    land(paths, "second")
    noted = tip(paths)
    happens(paths)
    with open_landing(paths.landing, read_only=True) as landing:
        assert chain.has_come_from(landing, noted) != is_another
        assert chain.find_damage(landing) is None
        assert not chain.has_come_from(landing, None)


# ---------------------------------------------------------------- earlier versions


def forget(paths: Paths, after: int = -1) -> None:
    """Leave the chain as a version that knows none does."""
    with open_landing(paths.landing) as landing:
        if after < 0:
            landing.execute("drop table raw.ledger_chain")
        else:
            landing.execute("delete from raw.ledger_chain where delivery_seq > ?", [after])


@pytest.mark.parametrize("after", [-1, 0, 1])
@pytest.mark.parametrize("by", ["a landing", "who reads"])
def test_a_ledger_of_a_version_without_chains_is_chained_without_a_word(
    paths: Paths, caplog: pytest.LogCaptureFixture, after: int, by: str
) -> None:
    land(paths, "first", "second")
    forget(paths, after)
    with open_landing(paths.landing, read_only=True) as landing:
        assert not chain.is_whole(landing)
    if by == "a landing":
        with open_landing(paths.landing) as landing:
            create_tables(landing, FEEDS)
    else:
        migrate(paths.landing)
    made = tip(paths)
    migrate(paths.landing)
    assert tip(paths) == made
    with open_landing(paths.landing, read_only=True) as landing:
        assert chain.is_whole(landing)
        chain.check(landing)
    assert not caplog.records


def readable(landing: duckdb.DuckDBPyConnection) -> set[str]:
    """The views and macros of a landing, by which it is read."""
    rows = landing.execute(
        "select view_name from duckdb_views() where schema_name = 'raw' union all "
        "select function_name from duckdb_functions() where schema_name = 'raw'"
    ).fetchall()
    return {name for (name,) in rows}


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [
        (["status"], 0, "published: nothing"),
        (["rejects"], 0, "0 rejected records"),
        (["recover"], 0, "no published delivery is missing here"),
        (["withdraw", "1", "--by", "ann", "--why", "slip"], 0, "of delivery 1, by ann"),
        (["diff", "purchases", "FILE"], 0, "would be seen_again"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
@pytest.mark.fault("restored.earlier_version")
def test_a_landing_of_an_earlier_version_is_read_without_a_word(
    paths: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    exit_code: int,
    said: str,
) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(PURCHASES)
    land_it = ("land", "purchases", str(file), "--as-of", "2018-01-09")
    assert run_in(paths, monkeypatch, *land_it).exit_code == 0
    with open_landing(paths.landing) as landing:
        whole = readable(landing)
        landing.execute("drop table raw.ledger_chain")
        # What only later versions know, the least that readers need of all.
        landing.execute("delete from raw.feed_times")
        for name in ("withdrawals", "open_rejects"):
            landing.execute(f"drop view raw.{name}")
        for name in ("keyed_text", "purchases_is_plausible"):
            landing.execute(f"drop macro raw.{name}")
    result = run_in(
        paths, monkeypatch, *(str(file) if word == "FILE" else word for word in command)
    )
    assert result.exit_code == exit_code, result.output
    assert said in result.output
    with open_landing(paths.landing, read_only=True) as landing:
        assert readable(landing) == whole


def test_a_landing_without_a_ledger_is_left_alone(paths: Paths) -> None:
    with open_landing(paths.landing) as landing:
        landing.execute("create table one as select 1 as one")
    migrate(paths.landing)
    with open_landing(paths.landing, read_only=True) as landing:
        assert landing.execute("show all tables").fetchall()[0][2] == "one"


# ---------------------------------------------------------------- what is lost


CONTRACT = Path(__file__).parents[2] / "models/marts/deliveries/fct_deliveries.yml"


def publish(paths: Paths, number: int = 1, **said: Any) -> Version:
    """Publish what landing has, in small: `fct_deliveries` as the model makes it."""
    folder = folder_of(paths, number)
    folder.mkdir(parents=True)
    file = folder / "eventmart.duckdb"
    with duckdb.connect(str(file)) as build:
        build.execute(f"attach '{paths.landing}' as landing (read_only)")
        # Of what the ledger has, the model has not all.
        (model,) = yaml.safe_load(CONTRACT.read_text())["models"]
        kept = "|".join(column["name"] for column in model["columns"])
        build.execute(
            f"""
            create schema marts;
            create table marts.fct_deliveries as
            select columns('^({kept})$')
            from (
                select
                    * exclude (status), mode as delivery_mode, as_of as as_of_at,
                    covers_from as covers_from_date, covers_to as covers_to_date,
                    started_at as started_at_utc, delivery_seq as _delivery_seq,
                    case
                        when delivery_seq in (from landing.raw.withdrawals)
                            then 'withdrawn'
                        else status
                    end as status
                from landing.raw.deliveries
            )
            """
        )
    size = file.stat().st_size
    whole = {"published_at": datetime(2024, 1, 1).isoformat(), "tip": tip(paths)} | said
    version = Version(number, sha256_of(file), size, "content", **whole)
    (folder / "manifest.json").write_text(json.dumps(asdict(version)))
    served = paths.published / "eventmart.duckdb"
    served.unlink(missing_ok=True)
    served.hardlink_to(file)
    return version


def fork_of(paths: Paths) -> Fork | None:
    with open_landing(paths.landing, read_only=True) as landing:
        return find_fork(paths, landing)


@pytest.mark.fault("restored.landing")
def test_it_is_said_which_published_deliveries_a_landing_lacks(paths: Paths) -> None:
    land(paths, "first")
    copy_of(paths)
    assert fork_of(paths) is None
    land(paths, "second", *"345678")
    publish(paths)
    assert fork_of(paths) is None
    put_back_and_others_landed(paths)
    said = str(fork_of(paths))
    assert said.startswith("version 1, which is published, was made from another landing")
    assert (
        "7 of its deliveries are missing here: 2 (things second.csv), 3 (things 3.csv), "
        "4 (things 4.csv), 5 (things 5.csv), 6 (things 6.csv) and 2 more; to land them "
        "from kept bytes: eventmart recover"
    ) in said


def test_of_a_version_that_does_not_say_what_it_was_made_of_nothing_is_said(
    paths: Paths,
) -> None:
    land(paths, "first")
    publish(paths, tip=None)
    made_anew(paths)
    assert fork_of(paths) is None


def recovered(paths: Paths, feeds: Any = FEEDS) -> list[Entry]:
    with opened(paths) as things:
        return list(recover(things.warehouse, feeds))


def held(paths: Paths) -> Any:
    """What landed, but for its numbers, and the rows of each."""
    told = "series, mode, parse_filename(uri), member, as_of, as_of_source, covers_from, "
    told += "covers_to, covers_source, accepted_by, accepted_why, n_records, n_rejected"
    with opened(paths) as things:
        things.check_laws()
        landed = things.all(
            f"select {told} from raw.deliveries where status = 'landed' order by as_of"
        )
        return landed, sorted(map(str, things.present().values()))


@pytest.mark.parametrize(
    "happens", [put_back, made_anew, of_another_folder], ids=lambda f: f.__name__
)
@pytest.mark.fault("restored.landing")
def test_what_was_published_and_is_not_here_is_landed_again(
    paths: Paths, happens: Callable[[Paths], None]
) -> None:
    land(paths, "first")
    copy_of(paths)
    land(paths, "second")
    days = (date(2024, 1, 1), date(2024, 1, 31))
    with opened(paths) as things:
        path = things.file("a,b\n5,2024-01-05\n", "part.csv")
        land_file(things.warehouse, things.feed, path, datetime(2024, 2, 3, 4), covers=days)
        rejects = "a,b\n6,2024-01-05\n" + "7,x,y,z\n" * 30
        path = things.file(rejects, "doubtful.csv")
        (doubtful,) = land_file(things.warehouse, things.feed, path, datetime(2024, 3, 1))
        assert doubtful.status == "held"
        accept(things.warehouse, FEEDS, doubtful.delivery_seq, "ann", "it is right")
        path = things.file("x,y\n1,2\n", "unknown.csv")
        land_file(things.warehouse, things.feed, path)
    before = held(paths)
    publish(paths)
    happens(paths)
    *entries, unknown = recovered(paths)
    assert {entry.status for entry in entries} == {"landed"}
    assert (unknown.label, unknown.status) == ("unknown.csv", "held")
    assert held(paths) == before
    assert recovered(paths) == []
    fork = fork_of(paths)
    assert fork
    assert fork.lost == []


def test_what_an_older_version_was_made_of_is_found_too(paths: Paths) -> None:
    land(paths, "first")
    copy_of(paths)
    land(paths, "second")
    publish(paths)
    put_back_and_others_landed(paths)
    publish(paths, 2)
    assert fork_of(paths) is None
    assert [entry.label for entry in recovered(paths)] == ["second.csv"]


def test_what_had_been_withdrawn_and_counts_again_is_said(paths: Paths) -> None:
    land(paths, "first")
    land(paths, "second", *"34")
    copy_of(paths)
    with opened(paths) as things:
        withdraw(things.warehouse, 2, "ann", "sent by mistake")
    publish(paths)
    assert fork_of(paths) is None
    put_back_and_others_landed(paths)
    said = str(fork_of(paths))
    assert (
        "; 1 that had been withdrawn count again: 2 (things second.csv); to take them out: "
        "eventmart withdraw"
    ) in said
    assert "not here" not in said
    assert recovered(paths) == []
    with opened(paths) as things:
        withdraw(things.warehouse, 2, "ann", "sent by mistake")
    fork = fork_of(paths)
    assert fork
    assert fork.standing == []


def expire(paths: Paths) -> None:
    shutil.rmtree(paths.drops)


def damage(paths: Paths) -> None:
    file = folder_of(paths, 1) / "eventmart.duckdb"
    file.write_bytes(file.read_bytes()[:-1])


def run_in(paths: Paths, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    return CliRunner().invoke(main, arguments, prog_name="eventmart")


PURCHASES = (
    "kiosk_id,product_id,card_hash,date_time,fc_number\n"
    "7,2410,card,2018-01-01 12:00:00-08,1\n"
)


@pytest.mark.fault("restored.landing", "restored.changed_by_hand")
def test_the_commands_say_it_and_what_to_do(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "purchases.csv"
    assert run_in(paths, monkeypatch, "init").exit_code == 0
    copy_of(paths)
    file.write_text(PURCHASES)
    land_it = ("land", "purchases", str(file), "--as-of", "2018-01-09")
    assert run_in(paths, monkeypatch, *land_it).exit_code == 0
    publish(paths)
    nothing = run_in(paths, monkeypatch, "recover")
    assert (nothing.exit_code, nothing.output) == (
        0,
        "no published delivery is missing here\n",
    )
    put_back(paths)
    said = run_in(paths, monkeypatch, "status")
    assert said.exit_code == 1
    assert "deliveries are missing here: 1 (purchases purchases.csv)" in said.output
    assert said.output.endswith("to build from this one: eventmart build\n")
    file.unlink()
    again = run_in(paths, monkeypatch, "recover")
    assert again.exit_code == 0
    assert again.output.startswith("landed      purchases         purchases.csv  as of")
    with open_landing(paths.landing) as landing:
        landing.execute("update raw.deliveries set uri = 'x'")
    said = run_in(paths, monkeypatch, "status")
    assert said.exit_code == 1
    assert "delivery 1 is not in raw.deliveries as it was entered" in said.output


@pytest.mark.parametrize(
    ("happens", "feeds", "reason"),
    [
        (expire, FEEDS, "delivery 2: its kept bytes have expired"),
        (untouched, {}, "delivery 2: its feed things is not in feeds.yml"),
    ],
    ids=["expired", "no_feed"],
)
def test_what_cannot_be_landed_again_is_said(
    paths: Paths, happens: Callable[[Paths], None], feeds: Any, reason: str
) -> None:
    land(paths, "first")
    copy_of(paths)
    land(paths, "second")
    publish(paths)
    put_back(paths)
    happens(paths)
    (entry,) = recovered(paths, feeds)
    assert (entry.status, entry.reason, entry.detail) == ("failed", "not_kept", reason)


def test_a_damaged_version_is_not_believed(paths: Paths) -> None:
    land(paths, "first")
    publish(paths)
    made_anew(paths)
    damage(paths)
    assert recovered(paths) == []
