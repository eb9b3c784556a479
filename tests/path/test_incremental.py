"""Landing and building delivery by delivery ends where a full rebuild ends."""

import datetime as dt
import itertools
import random
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pytest

from loaders.config.feeds import FEEDS_FILE, load_feeds
from tests.path.compiled import Compiled
from tests.path.simulated_city import LOST_DAY, City
from tests.projects import Project, new_project

# Where a row was first read depends on what arrived first, by its nature. The ledger's
# own facts tell the order of arrival, and what came of it build by build.
PROVENANCE = {"_delivery_seq", "_change_seq", "_line", "_row_hash"}
LEDGER = {
    *("fct_deliveries", "fct_rejected_rows", "dim_feeds"),
    *("fct_builds", "fct_figure_changes", "rpt_delivery_impact", "rpt_metric_changes"),
    "rpt_trust",
}


def contents_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Rows of every mart and report, and the sum of their hashes: their order is none."""
    found = {}
    tables = connection.execute(
        "select database_name, schema_name, table_name, "
        "list(column_name order by column_name) from duckdb_columns() "
        "where schema_name in ('marts', 'reports') group by all order by all"
    ).fetchall()
    for database, schema, table, columns in tables:
        if table in LEDGER:
            continue
        kept = ", ".join(f'"{name}"' for name in columns if name not in PROVENANCE)
        found[f"{schema}.{table}"] = connection.execute(
            "select count(*), "
            f"coalesce(sum(md5_number_lower(cast(({kept}) as varchar))), 0) "
            f"from {database}.{schema}.{table}"
        ).fetchone()
    return found


def contents(project: Project) -> dict[str, tuple[int, int]]:
    with project.unpublished() as connection:
        return contents_of(connection)


def all_deliveries(demo: Path) -> list[tuple[str, Path, tuple[str, ...]]]:
    """The demo's deliveries: feed, file and what else to say when landing it."""
    return [
        (feed.name, path, ())
        for feed in load_feeds().values()
        for pattern in feed.sources
        for path in sorted(demo.glob(pattern))
    ]


@pytest.mark.long
def test_deliveries_by_and_by_equal_a_full_rebuild(
    demo: Path, compiled: Compiled, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = new_project(tmp_path, demo)
    deliveries = all_deliveries(demo)
    # Not by date: some arrive late, between those of other feeds.
    random.Random(4).shuffle(deliveries)
    written = []
    for part in range(3):
        some = deliveries[part::3]
        for feed, path, _ in some:
            project.land(feed, path)
        names = ", ".join(path.name for _, path, _ in some)
        written.append((names, project.run()))
    by_and_by = contents(project)
    with compiled.build(project.paths.landing) as connection:
        rebuilt = contents_of(connection)
    with capsys.disabled():
        print()
        for names, n_rows in written:
            print(f"{n_rows:>9,} rows written after {names}")
        for table in rebuilt:
            same = "equal" if by_and_by[table] == rebuilt[table] else "DIFFERS"
            print(f"{table:<44}{rebuilt[table][0]:>9,} rows  {same}")
    assert by_and_by == rebuilt


def moved_accidents(demo: Path, folder: Path) -> list[tuple[str, Path, tuple[str, ...]]]:
    """Accidents delivered again, some on other dates, some gone, then there again."""
    (path,) = (demo / "accidents").glob("*2015-08-14.csv")
    header, *records = path.read_bytes().splitlines(keepends=True)
    whole = [record for record in records if record.count(b",") == header.count(b",")]
    found = []
    for number in range(4):
        changed = [
            re.sub(rb"\b201(\d)-0([1-8])-", rb"201\1-0%d-" % (number + 2), record, count=2)
            if place % 9 == number
            else record
            for place, record in enumerate(whole)
            # Every other delivery lacks some.
            if number % 2 == 0 or place % 23
        ]
        again = folder / f"moved_{number}.csv"
        again.write_bytes(b"".join([header, *changed]))
        found.append(("accidents", again, ("--as-of", f"2015-09-1{number}")))
    return found


def n_touched(project: Project, change_seq: int) -> int:
    """How many rows of the requests fact are of rows that came or went since a change."""
    with duckdb.connect() as connection:
        for name, file in [
            ("eventmart", project.paths.build),
            ("landing", project.paths.landing),
            ("intermediate", project.paths.intermediate),
        ]:
            connection.execute(f"attach '{file}' as {name} (read_only)")
        (n_rows,) = connection.execute(
            "select count(*) from eventmart.marts.fct_service_requests "
            "where identity_key in (select identity_key "
            "from intermediate.intermediate.int_service_request_versions "
            "where (_row_hash, _copy) in (select (_row_hash, _copy) "
            "from landing.raw.presence where _change_seq > ?))",
            [change_seq],
        ).fetchone() or (0,)
    return n_rows


@pytest.mark.full
def test_each_delivery_equals_a_full_rebuild_and_writes_only_what_it_touches(
    demo: Path, compiled: Compiled, tmp_path: Path, report: Callable[[str, str], None]
) -> None:
    city = City(n_deliveries=34, per_day=1.5, seed=5)
    steps = [
        *all_deliveries(demo),
        *moved_accidents(demo, tmp_path),
        *(
            ("service_requests", path, ("--as-of", as_of))
            for path, as_of in city.write(tmp_path / "city")
        ),
    ]
    random.Random(8).shuffle(steps)
    project = new_project(tmp_path / "project", demo)
    for feed, path, more in steps:
        result = project.eventmart("land", feed, path, *more)
        for seq in re.findall(r"delivery (\d+): ", result.output):
            project.eventmart("accept", seq, "--by", "test", "--why", "known")
        project.run()
        with compiled.build(project.paths.landing) as connection:
            rebuilt = contents_of(connection)
        found = contents(project)
        differing = [table for table in rebuilt if found[table] != rebuilt[table]]
        assert not differing, (differing, path.name)
    assert len(steps) >= 50
    report(
        "Incremental and full rebuild",
        f"after each of {len(steps)} deliveries, shuffled, with late, corrected, "
        "withdrawn, reinstated, date-moving rows and groups of equal identities: all "
        "marts and reports equal a full rebuild",
    )


@pytest.mark.fault("process.memory_limit")
def test_the_memory_limit_of_a_build_is_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path)
    for limit, fits in (("lots", False), ("512MB", True), ("", True)):
        monkeypatch.setenv("EVENTMART_MEMORY_LIMIT", limit)
        with nullcontext() if fits else pytest.raises(AssertionError):
            project.dbt("seed")


def test_a_delivery_writes_only_what_it_touches(tmp_path: Path) -> None:
    city = City(n_deliveries=3, per_day=1.5, seed=5)
    project = new_project(tmp_path)
    select = ("--select", "+fct_service_requests")
    (*first, (path, as_of)) = city.write(tmp_path / "city")
    for earlier, earlier_as_of in first:
        project.land("service_requests", earlier, "--as-of", earlier_as_of)
    project.run(*select)
    with duckdb.connect(str(project.paths.landing), read_only=True) as landing:
        (seq,) = landing.execute("select max(change_seq) from raw.deliveries").fetchone()
    project.land("service_requests", path, "--as-of", as_of)
    n_before = n_touched(project, seq)
    project.run(*select)
    n_after = n_touched(project, seq)
    with duckdb.connect(str(project.paths.build), read_only=True) as build:
        ((n_written, n_all),) = build.execute(
            "select n_rows_written, (select count(*) from marts.fct_service_requests) "
            "from meta.model_states where node_id like '%.fct_service_requests'"
        ).fetchall()
    assert n_written == n_before + n_after
    assert 10 < n_written < n_all / 4


def test_a_day_whose_requests_are_withdrawn_has_no_rows_any_more(tmp_path: Path) -> None:
    """These go, and are followed by none."""
    project = new_project(tmp_path)
    select = ("--select", "+fct_service_request_open_spells", "+fct_event_hours")
    deliveries = City(n_deliveries=7, per_day=1.5, seed=5).write(tmp_path / "city")

    def has_rows() -> tuple[bool, bool]:
        with duckdb.connect(str(project.paths.build), read_only=True) as build:
            (found,) = build.execute(
                "select $day in (select request_date "
                "from marts.fct_service_request_open_spells), "
                "$day in (select event_date from marts.fct_event_hours)",
                {"day": LOST_DAY},
            ).fetchall()
        return found

    for path, as_of in deliveries[:-1]:
        project.land("service_requests", path, "--as-of", as_of)
    project.run(*select)
    assert has_rows() == (True, True)
    project.land("service_requests", deliveries[-1][0], "--as-of", deliveries[-1][1])
    project.run(*select)
    assert has_rows() == (False, False)


@pytest.mark.fault("delivery.corrected")
def test_a_purchase_sent_again_with_another_offset_is_still_one(tmp_path: Path) -> None:
    """Its instant is the same, its local date is not."""
    project = new_project(tmp_path)
    select = ("--select", "+fct_selling_days", "+fct_event_days", "+fct_event_hours")
    for number, moments in enumerate(
        (
            ("2017-12-06 22:06:36-08", "2017-12-06 22:30:00-08"),
            ("2017-12-07 01:06:36-05", "2017-12-07 01:30:00-05"),
        )
    ):
        file = tmp_path / f"purchases_{number}.csv"
        rows = "".join(f"7,2410,card,{moment},1\n" for moment in moments)
        file.write_text(f"kiosk_id,product_id,card_hash,date_time,fc_number\n{rows}")
        project.land("purchases", file, "--as-of", f"2018-01-0{number + 1}")
        project.run(*select)
    by_and_by = contents(project)
    with duckdb.connect(str(project.paths.build), read_only=True) as build:
        held = build.execute(
            "select purchase_date, purchased_at from marts.fct_purchases order by all"
        ).fetchall()
    day = dt.date(2017, 12, 7)
    assert held == [
        (day, dt.datetime(2017, 12, 7, 1, 6, 36)),
        (day, dt.datetime(2017, 12, 7, 1, 30)),
    ]
    project.run("--full-refresh", *select)
    assert contents(project) == by_and_by


def windows(demo: Path) -> list[Path]:
    return sorted((demo / "service_requests").iterdir())


def land_windows(folder: Path, order: tuple[Path, ...], each: bool) -> dict:
    """Land request windows in an order; build after each of them, or once at the end."""
    project = new_project(folder)
    select = ["--select", "+fct_service_requests", "+rpt_time_to_close"]
    for path in order:
        project.land("service_requests", path)
        if each:
            project.run(*select)
    if not each:
        project.run(*select)
    return contents(project)


def assert_orders_agree(folder: Path, orders: list[tuple[tuple[Path, ...], bool]]) -> None:
    """Land in orders, and build after `each` or at the end: the same comes of all."""
    expected = land_windows(folder / "by_date", tuple(sorted(orders[0][0])), each=False)
    assert expected["marts.fct_service_requests"][0] > 1000
    for number, (order, each) in enumerate(orders):
        found = land_windows(folder / str(number), order, each)
        assert found == expected, [path.name for path in order]


@pytest.mark.long
def test_windows_end_in_the_same_facts_in_some_orders(demo: Path, tmp_path: Path) -> None:
    late_first, mixed = tuple(reversed(windows(demo)[-4:])), windows(demo)[-4:]
    random.Random(7).shuffle(mixed)
    assert_orders_agree(tmp_path, [(late_first, False), (tuple(mixed), True)])


@pytest.mark.full
@pytest.mark.parametrize(
    "each", [False, True], ids=["built_at_the_end", "built_one_by_one"]
)
def test_windows_end_in_the_same_facts_in_each_of_their_24_orders(
    demo: Path, tmp_path: Path, each: bool, report: Callable[[str, str], None]
) -> None:
    orders = list(itertools.permutations(windows(demo)[-4:]))
    assert_orders_agree(tmp_path, [(order, each) for order in orders])
    how = "one by one" if each else "at the end"
    report(
        "Order of deliveries",
        f"four overlapping windows in {len(orders)} orders, built {how}: the same facts, "
        "dimensions and reports over all columns but provenance",
    )


def test_an_accepted_delivery_counts_like_any_other(
    demo: Path, truth: dict, tmp_path: Path
) -> None:
    project = new_project(tmp_path)
    first = windows(demo)[0]
    (said,) = (d for d in truth["deliveries"] if d["file"].endswith(first.name))
    rejected = {reject["line"] for reject in said["rejected"]}
    # Three of one layout make a fourth of a fifth of their size suspicious.
    # Without lines to reject, which would leave open what is missing.
    header, *lines = [
        line
        for number, line in enumerate(first.read_bytes().splitlines(keepends=True), start=1)
        if number not in rejected
    ]
    for number, n_of_100 in enumerate((100, 98, 96, 20)):
        part = tmp_path / f"part_{number}.csv"
        # What is missing is of any day, or the part would be held for that.
        kept = [line for place, line in enumerate(lines) if place % 100 < n_of_100]
        part.write_bytes(b"".join([header, *kept]))
        as_of = f"2016-12-0{number + 1}"
        result = project.eventmart("land", "service_requests", part, "--as-of", as_of)
    assert result.exit_code == 3, result.output
    held = re.search(r"delivery (\d+): shrunk", result.output)
    assert held, result.output
    project.run("--select", "+fct_service_requests")
    before = contents(project)
    accepted = project.eventmart("accept", held.group(1), "--by", "ann", "--why", "checked")
    assert accepted.exit_code == 0, accepted.output
    project.run("--select", "+fct_service_requests")
    step_by_step = contents(project)
    assert step_by_step != before
    project.run("--select", "+fct_service_requests", "--full-refresh")
    assert contents(project) == step_by_step


def test_a_replay_ends_where_landing_at_once_ends(demo: Path, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.yml"
    settings = FEEDS_FILE.read_text()
    feeds.write_text(re.sub(r"encodings: \[utf-8, .*\]", "encodings: [utf-8]", settings))
    purchases = sorted((demo / "purchases").glob("*.csv"))[0].read_bytes().splitlines(True)
    # Two increments that share a purchase which neither could read at first.
    odd = purchases[1].replace(b",", b",\xe9", 1)
    for number in (1, 2):
        part = purchases[:1] + purchases[number * 10 : number * 10 + 10] + [odd]
        (tmp_path / f"purchases_{number}.csv").write_bytes(b"".join(part))
    fixed = tmp_path / "fixed.yml"
    fixed.write_text(settings.replace("encodings: [utf-8]", "encodings: [utf-8, latin-1]"))
    models = ("--select", "+fct_service_requests", "+fct_purchases", "staging")

    def land(project: Project, by: Path) -> list[int]:
        chosen = [("service_requests", path) for path in windows(demo)[:3]]
        chosen += [("purchases", tmp_path / f"purchases_{n}.csv") for n in (1, 2)]
        for feed, path in chosen:
            result = project.eventmart("--feeds", by, "land", feed, path)
            assert result.exit_code == 0, result.output
        with duckdb.connect(str(project.paths.landing), read_only=True) as landing:
            return [
                n
                for (n,) in landing.execute(
                    "select n_rejected from raw.deliveries order by delivery_seq"
                ).fetchall()
            ]

    at_once = new_project(tmp_path / "at_once")
    rejected_at_once = land(at_once, fixed)
    at_once.run(*models)
    later = new_project(tmp_path / "later")
    rejected = land(later, feeds)
    assert sum(rejected) > sum(rejected_at_once) + 2
    later.run(*models)
    replayed = later.eventmart("--feeds", fixed, "replay")
    assert replayed.exit_code == 0, replayed.output
    assert replayed.output.count("replayed") > 2
    later.run(*models)
    assert contents(later) == contents(at_once)
    later.dbt("test", "--select", "assert_every_line_is_accounted_for")
