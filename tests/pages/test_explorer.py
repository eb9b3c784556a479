"""The explorer of accidents counts what SQL counts, whatever is chosen, and however."""

import csv
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import duckdb
import pytest
from playwright.sync_api import Page
from scipy.stats import chi2

from loaders.pages.site import About, read_texts, write_site
from tests.pages.conftest import Visit

pytestmark = pytest.mark.xdist_group("built")

N_STATES = 200
KINDS = {
    "fatal": "is_fatal",
    "serious": "is_serious_injury",
    "hit_and_run": "is_hit_and_run",
    "impaired": "is_impaired",
    "bicycle": "has_bicycle",
    "pedestrian": "has_pedestrian",
}
# What the page shows: the vintage with the latest accident.
EVENTS = """
create temp table events as
select
    incidents.*,
    neighborhoods.is_known,
    neighborhoods.neighborhood_slug as slug,
    date_trunc('month', occurred_date)::date as month,
    isodow(occurred_date) - 1 as weekday,
    case when time_quality = 'date_only' then null else hour(occurred_at) end as hour
from marts.fct_incidents as incidents
inner join marts.dim_neighborhoods as neighborhoods using (neighborhood_key)
where vintage = (
    select vintage from marts.fct_incidents
    group by all order by max(occurred_date) desc, count(*) desc, vintage limit 1
)
"""


@dataclass(frozen=True)
class State:
    """What is chosen, as the address has it."""

    kind: str | None
    months: tuple[str, str] | None
    week: tuple[int, int, int, int] | None
    places: tuple[str, ...]
    rest: tuple[tuple[str, str], ...]

    @property
    def address(self) -> str:
        parts = [("kind", self.kind), ("months", self.months and "_".join(self.months))]
        parts += [("week", self.week and "-".join(map(str, self.week)))]
        parts += [("places", "%2C".join(self.places)), *self.rest]
        return "&".join(f"{name}={value}" for name, value in parts if value)

    def where(self, but: str = "") -> str:
        """The filters as SQL, without one of them."""
        filters = ["true"]
        if self.kind:
            filters.append(KINDS[self.kind])
        if self.months and but != "months":
            filters.append(f"month between '{self.months[0]}-01' and '{self.months[1]}-01'")
        if self.week and but != "week":
            a, b, c, d = self.week
            filters.append(f"hour between {a} and {b} and weekday between {c} and {d}")
        if self.places and but != "places":
            filters.append(f"slug in {self.places!r}".replace(",)", ")"))
        return " and ".join(filters)


@pytest.fixture(scope="module")
def events(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    file = (published / "eventmart.duckdb").resolve()
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute(EVENTS)
        yield connection


def states(events: duckdb.DuckDBPyConnection) -> Iterator[State]:
    """Random ones, the same in every run."""
    draw = random.Random(22)
    months = [
        f"{month:%Y-%m}"
        for (month,) in events.sql(
            "select unnest(generate_series(min(month), max(month), interval 1 month)) "
            "from events"
        ).fetchall()
    ]
    slugs = [
        slug
        for (slug,) in events.sql(
            "select neighborhood_slug from marts.dim_neighborhoods where is_known "
            "order by neighborhood_slug"
        ).fetchall()
    ]
    kinds = [k for k, name in KINDS.items() if events.sql(f"from events where {name}")]
    for _ in range(N_STATES):
        first, last = sorted(draw.choices(range(len(months)), k=2))
        hours, days = (
            sorted(draw.choices(range(24), k=2)),
            sorted(draw.choices(range(7), k=2)),
        )
        rest = {
            "by": draw.choice(["", "residents", "area"]),
            "points": draw.choice(["", "1"]),
            "compare": draw.choice(["", "year", draw.choice(slugs)]),
            "sort": draw.choice(["", "name", "n", "-residents", "area", "-ratio"]),
        }
        yield State(
            draw.choice([None, None, *kinds]),
            draw.choice([None, (months[first], months[last])]),
            draw.choice([None, None, (hours[0], hours[1], days[0], days[1])]),
            tuple(sorted(draw.sample(slugs, draw.choice([0, 0, 1, 3, 30])))),
            tuple((name, value) for name, value in rest.items()),
        )


def counts(events: duckdb.DuckDBPyConnection, by: str, where: str) -> Counter[Any]:
    found = events.sql(f"select {by}, count(*) from events where {where} group by all")
    return Counter({tuple(key): n for *key, n in found.fetchall()})


SHOWN = """(hash) => {
    const explorer = eventmart.explorer, data = eventmart.data.accidents;
    explorer.go(hash);
    const r = explorer.result;
    const named = (list, name) => Object.fromEntries(
        [...list].map((n, at) => [n && name(at), n]).filter(([, n]) => n));
    const slug = (at) => Number(at) === 255 ? "unknown" : data.places[at][0];
    const first = data.first.slice(0, 7).split("-").map(Number);
    const month = (at) => {
        const from = first[0] * 12 + first[1] - 1 + at;
        return `${Math.floor(from / 12)}-${String(from % 12 + 1).padStart(2, "0")}`;
    };
    return {
        address: explorer.toAddress(), n: r.n, fatal: r.nFatal, serious: r.nSerious,
        lost: r.nNoPlace, places: named(r.places, slug), months: named(r.months, month),
        week: named(r.week, (at) => `${Math.floor(at / 25)} ${at % 25}`),
        now: named(r.now, slug), before: named(r.before, slug),
        tile: document.querySelector("#tiles .value").textContent,
        cells: Object.fromEntries([...document.querySelectorAll("#places tbody tr")].map(
            (row) => [row.cells[0].textContent, row.cells[1].textContent])),
        labels: Object.fromEntries([...document.querySelectorAll("#where [data-at]")].map(
            (path) => [slug(path.dataset.at), path.getAttribute("aria-label")])),
        pairs: r.pairs.map(month),
    };
}"""


def test_what_is_shown_is_what_sql_counts_and_survives_the_address(
    site: Path, visit: Visit, events: duckdb.DuckDBPyConnection
) -> None:
    page = visit.open(site / "accidents.html")
    names = dict(
        events.sql(
            "select neighborhood_slug, neighborhood_name from marts.dim_neighborhoods"
        ).fetchall()
    )
    n_nonzero = 0
    for state in states(events):
        shown = page.evaluate(SHOWN, state.address)
        where = state.where()
        n, fatal, serious, lost = events.sql(
            "select count(*), count(*) filter (is_fatal), "
            "count(*) filter (is_serious_injury), "
            f"count(*) filter (not is_known) from events where {where}"
        ).fetchall()[0]
        assert (shown["n"], shown["fatal"]) == (n, fatal), state
        assert (shown["serious"], shown["lost"]) == (serious, lost), state
        assert shown["tile"] == f"{n:,}"
        by_place = counts(events, "slug", state.where("places"))
        assert shown["places"] == {slug: n for (slug,), n in by_place.items()}, state
        for slug, name in names.items():
            if slug != "unknown":
                count = f"{by_place[(slug,)]:,}"
                assert shown["cells"][name] == count
                assert shown["labels"][slug].startswith(f"{name}: {count} accidents")
        by_month = counts(events, "strftime(month, '%Y-%m')", state.where("months"))
        assert shown["months"] == {month: n for (month,), n in by_month.items()}, state
        by_hour = counts(events, "weekday, coalesce(hour, 24)", state.where("week"))
        assert shown["week"] == {f"{d} {h}": n for (d, h), n in by_hour.items()}, state
        pairs = shown["pairs"] or ["0001-01"]
        for name, back in (("now", 0), ("before", 12)):
            compared = ", ".join(
                f"date '{month}-01' - interval {back} month" for month in pairs
            )
            beside = State(state.kind, None, state.week, (), ()).where()
            expected = counts(events, "slug", f"{beside} and month in ({compared})")
            assert shown[name] == {slug: n for (slug,), n in expected.items()}, state
        assert shown["address"] == state.address
        n_nonzero += n > 0
    assert n_nonzero > N_STATES / 3
    assert visit.problems == []


def test_an_address_opens_what_was_chosen_and_nonsense_opens_all(
    site: Path, visit: Visit, events: duckdb.DuckDBPyConnection
) -> None:
    state = next(one for one in states(events) if one.kind and one.months and one.places)
    page = visit.open(site / "accidents.html", f"?theme=dark#{state.address}")
    expected = len(counts(events, "incident_key", state.where()))
    assert page.evaluate("eventmart.explorer.result.n") == expected
    assert page.url.endswith(f"?theme=dark#{state.address}")
    page = visit.open(
        site / "accidents.html",
        "#kind=x&months=2016-99_0&week=9-3-0-9&places=x&by=x&compare=x&sort=x",
    )
    assert page.evaluate("eventmart.explorer.toAddress()") == ""
    assert page.evaluate("eventmart.explorer.result.n === eventmart.data.accidents.n")
    assert visit.problems == []


def choose(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("({...eventmart.explorer.state, places: undefined})"))


def test_keys_choose_months_hours_and_places(site: Path, visit: Visit) -> None:
    page = visit.open(site / "accidents.html")
    page.focus("#months [tabindex='0']")
    for key in ("ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert choose(page)["months"] == [1, 3]
    page.keyboard.press("Escape")
    assert choose(page)["months"] is None
    page.focus("#hours [tabindex='0']")
    for key in ("ArrowRight", "ArrowDown", "Space", "Shift+ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert choose(page)["week"] == [1, 2, 1, 2]
    page.focus("#map [tabindex='0']")
    before = page.evaluate("document.activeElement.dataset.at")
    page.keyboard.press("ArrowUp")
    after = page.evaluate("document.activeElement.dataset.at")
    assert after != before
    page.keyboard.press("Space")
    assert page.evaluate("[...eventmart.explorer.state.places]") == [int(after)]
    label = page.evaluate(f"eventmart.data.accidents.places[{before}].slice(5, 7)")
    higher = page.evaluate(f"eventmart.data.accidents.places[{after}].slice(5, 7)")
    assert higher[1] < label[1]
    page.focus("#reset")
    page.keyboard.press("Enter")
    assert page.evaluate("eventmart.explorer.toAddress()") == ""


def test_the_mouse_brushes_months(site: Path, visit: Visit) -> None:
    page = visit.open(site / "accidents.html")
    cells = page.query_selector_all("#months .hit")
    cells[2].scroll_into_view_if_needed()
    first, last = cells[2].bounding_box(), cells[5].bounding_box()
    assert first
    assert last
    page.mouse.move(first["x"] + first["width"] / 2, first["y"] + 40)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"] / 2, last["y"] + 40, steps=4)
    page.mouse.up()
    assert choose(page)["months"] == [2, 5]


def test_points_load_late(site: Path, visit: Visit) -> None:
    page = visit.open(site / "accidents.html")
    assert not any("accident_points" in url for url in visit.requested)
    page.click("#points")
    page.wait_for_function("eventmart.data.accident_points")
    inked = "document.querySelector('.map canvas').getContext('2d')"
    page.wait_for_function(
        f"{inked}.getImageData(0, 0, {inked}.canvas.width, {inked}.canvas.height)"
        ".data.some((one) => one)"
    )
    assert visit.problems == []


def test_a_table_and_the_rows_are_saved_as_csv(
    site: Path, visit: Visit, events: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    page = visit.open(site / "accidents.html", "#kind=hit_and_run")
    saved = {}
    for button in ("csv-places", "csv-events"):
        with page.expect_download() as download:
            page.click(f"#{button}")
        download.value.save_as(tmp_path / button)
        with (tmp_path / button).open(newline="", encoding="utf-8") as stream:
            saved[button] = list(csv.DictReader(stream))
    expected = counts(events, "neighborhood_key, is_known", "is_hit_and_run")
    assert len(saved["csv-events"]) == sum(expected.values())
    assert {row["hit_and_run"] for row in saved["csv-events"]} == {"1"}
    known = sum(n for (_, is_known), n in expected.items() if is_known)
    assert sum(int(row["accidents"]) for row in saved["csv-places"]) == known


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "'; drop table x; --",
    '=HYPERLINK("http://example.com")',
    "\u202egnp.exe",
    "x" * 300,
]


def test_hostile_names_are_text(published: Path, visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "eventmart.duckdb"
    shutil.copy((published / "eventmart.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as connection:
        for at, name in enumerate(HOSTILE):
            connection.execute(
                "update marts.dim_neighborhoods set neighborhood_name = ? where "
                "neighborhood_slug = (select neighborhood_slug "
                "from marts.dim_neighborhoods where is_known "
                "order by neighborhood_slug limit 1 offset ?)",
                [name, at],
            )
    texts = read_texts(published.parent / "build" / "target" / "manifest.json")
    about = About(1, "0" * 64, 1, 5, True)
    only = {"accidents": texts["accidents"]}
    write_site(file, tmp_path / "site", published / "exports", only, about)
    page = visit.open(tmp_path / "site" / "accidents.html")
    rows = page.evaluate(
        "[...document.querySelectorAll('#places tbody th')].map((one) => one.textContent)"
    )
    assert {*HOSTILE} <= {*rows}
    assert page.evaluate("document.querySelectorAll('main img').length") == 0
    with page.expect_download() as download:
        page.click("#csv-places")
    download.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(newline="", encoding="utf-8") as stream:
        names = {row["neighborhood"] for row in csv.DictReader(stream)}
    assert {"'" + HOSTILE[3] if name == HOSTILE[3] else name for name in HOSTILE} <= names
    assert visit.problems == []


def test_without_boundaries_the_page_says_so(
    published: Path, visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "eventmart.duckdb"
    shutil.copy((published / "eventmart.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from marts.dim_neighborhood_shapes")
    texts = read_texts(published.parent / "build" / "target" / "manifest.json")
    only = {"accidents": texts["accidents"]}
    about = About(1, "0" * 64, 1, 5, True)
    write_site(file, tmp_path / "site", published / "exports", only, about)
    page = visit.open(tmp_path / "site" / "accidents.html", "#points=1")
    assert "No file of boundaries has landed" in page.inner_text("#where")
    assert page.evaluate("document.querySelectorAll('#places tbody tr').length") == 78
    assert visit.problems == []


def test_rates_have_limits_and_unsure_ones_are_hatched(
    site: Path, visit: Visit, events: duckdb.DuckDBPyConnection
) -> None:
    page = visit.open(site / "accidents.html", "#by=residents&kind=hit_and_run")
    shown = page.evaluate(
        """() => Object.fromEntries(eventmart.explorer.table.map(({ at, name }, row) =>
        [name, {
            text: document.querySelector("#places tbody").rows[row].cells[2].textContent,
            hatched: document.querySelectorAll(".map .hatched")[
                [...document.querySelectorAll(".map [data-at]")]
                    .findIndex((one) => Number(one.dataset.at) === at)
            ].style.display !== "none",
        }]))"""
    )
    rows = events.sql(
        "select neighborhood_name, population_2010, count(incident_key) as n, "
        "(select max(occurred_date) - min(occurred_date) + 1 from events) / 365.25 "
        "as years "
        "from marts.dim_neighborhoods as neighborhoods "
        "left join (from events where is_hit_and_run) as chosen using (neighborhood_key) "
        "where neighborhoods.is_known group by all"
    ).fetchall()
    known = [row for row in rows if row[1] >= 200]
    mean = sum(n for _, _, n, _ in known) / sum(row[1] / 1000 * row[3] for row in known)
    n_hatched = 0
    for name, residents, n, years in rows:
        unit = residents / 1000 * years
        # Exact limits, which those of the page are near.
        low, high = chi2.ppf(0.025, 2 * n) / 2 if n else 0, chi2.ppf(0.975, 2 * n + 2) / 2
        if residents < 200:
            assert shown[name] == {"text": "–", "hatched": True}
            continue
        value, low_shown, high_shown = map(
            float, re.findall(r"[\d.]+", shown[name]["text"])
        )
        assert value == pytest.approx(n / unit, abs=0.006, rel=0.006)
        assert low_shown == pytest.approx(low / unit, abs=0.02, rel=0.03)
        assert high_shown == pytest.approx(high / unit, abs=0.02, rel=0.03)
        if not any(0.97 < limit / unit / mean < 1.03 for limit in (low, high)):
            assert shown[name]["hatched"] == (low / unit <= mean <= high / unit), name
        n_hatched += shown[name]["hatched"]
    assert 0 < n_hatched < len(rows)
    assert visit.problems == []


def test_groups_of_requests_are_as_exported_and_survive_the_address(
    site: Path, published: Path, visit: Visit
) -> None:
    page = visit.open(site / "requests.html")
    exported = published / "exports" / "rpt_request_volumes.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select dimension, dimension_value, strftime(month_start_date, '%Y-%m'), "
            f"n_requests, n_closes, is_suppressed from '{exported}' order by all"
        ).fetchall()
    months = sorted({row[2] for row in rows})
    groups: dict[tuple[str, str], dict[str, tuple[int | None, int | None]]] = {}
    for dimension, value, month, *counts, is_hidden in rows:
        assert is_hidden == (counts[0] is None)
        groups.setdefault((dimension, value), {})[month] = (counts[0], counts[1])
    held = page.evaluate("eventmart.data.requests")
    assert [month[:7] for month in held["months"]] == months
    n_hidden = 0
    for dimension in held["dimensions"]:
        for value in dimension["values"]:
            for at, month in enumerate(months):
                n, n_closes = groups[dimension["name"], value["name"]].get(month, (0, 0))
                n_hidden += n is None
                assert (value["requests"][at], value["closes"][at]) == (n, n_closes)
    assert n_hidden
    draw = random.Random(23)
    named = [key for key in groups if key[0] != "overall"]
    for _ in range(40):
        by, value = draw.choice(named)
        first, last = sorted(draw.choices(range(len(months)), k=2))
        words = {"by": by, "value": value, "months": f"{months[first]}_{months[last]}"}
        page.evaluate("(hash) => eventmart.explorer.go(hash)", urlencode(words))
        chosen = [
            groups[by, value].get(month, (0, 0)) for month in months[first : last + 1]
        ]
        n = sum(count or 0 for count, _ in chosen)
        hidden = sum(count is None for count, _ in chosen)
        told = f"{value}: {'at least ' if hidden else ''}{n:,} requests"
        assert page.inner_text("#shown").startswith(" ".join(told.split()))
        cells = page.evaluate(
            "(name) => [...document.querySelectorAll('#values tbody tr')].map((row) => "
            "[...row.cells].map((cell) => cell.textContent)).find(([one]) => one === name)",
            value,
        )
        n_closes = sum(count or 0 for _, count in chosen)
        assert cells == [value, f"{n:,}", f"{n_closes:,}", f"{hidden:,}"]
        assert dict(parse_qsl(page.evaluate("eventmart.explorer.toAddress()"))) == words
    page.evaluate("eventmart.explorer.go('by=x&value=y&months=2016-13_1')")
    assert page.evaluate("eventmart.explorer.toAddress()") == ""
    page.focus("#months [tabindex='0']")
    for key in ("ArrowRight", "Space", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("eventmart.explorer.state.months") == [1, 2]
    assert visit.problems == []
