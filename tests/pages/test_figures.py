"""Pages: each printed figure is in the published file, and nothing hidden is on any."""

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
import yaml

from loaders.pages import across, charts
from loaders.pages.figures import Column, Figure, laid_out
from loaders.pages.rows import Rows
from loaders.pages.site import About, Site, Text, read_texts, show_exports, write_site
from loaders.pages.strip import PARTS, Strip
from loaders.publishing.exports import export, hide_cells, write_exports
from loaders.publishing.privacy import Disclosure, Settings, read_disclosure
from loaders.sql import quoted
from tests.projects import ROOT, Project

pytestmark = pytest.mark.xdist_group("built")

ABOUT = About(7, "0123456789abcdef" * 4, 1234, 5, True)
PAGES = ROOT / "loaders" / "pages"
EXPOSURES = ROOT / "models" / "reports" / "_pages__exposures.yml"
KILOBYTE = 1000


@dataclass
class Node:
    """An element of a page, with its texts and children in order."""

    tag: str
    attributes: dict[str, str]
    parent: "Node | None" = None
    parts: "list[Node | str]" = field(default_factory=list)

    def walk(self) -> "Iterator[Node]":
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.walk()

    @property
    def text(self) -> str:
        texts = (part if isinstance(part, str) else part.text for part in self.parts)
        return " ".join("".join(texts).split())

    def inside(self, *names: str) -> bool:
        """Whether it, or what it is in, has such a tag or attribute."""
        found = self.tag in names or any(name in self.attributes for name in names)
        return found or (self.parent is not None and self.parent.inside(*names))


class Reader(HTMLParser):
    """Reads a page, all of whose elements are closed but for the void ones."""

    VOID = ("meta", "link", "br", "input", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.at = Node("", {})
        self.feed(text)
        self.close()
        assert self.at is self.root, f"{self.at.tag} is not closed"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.parts.append(node)
        if tag not in self.VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.parts.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"{tag} closes {self.at.tag}"
        assert self.at.parent
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.parts.append(data)


@dataclass(frozen=True)
class Written:
    """A site, and what it was written from."""

    folder: Path
    queries: dict[str, str]
    file: Path
    disclosure: Disclosure
    manifest: Path

    def pages(self) -> Iterator[tuple[str, Node]]:
        for file in sorted(self.folder.rglob("*.html")):
            name = file.relative_to(self.folder).as_posix()
            yield name, Reader(file.read_text()).root


@pytest.fixture(scope="module")
def written(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The pages of the published demo, with the version's own exports."""
    file = (built.paths.published / "eventmart.duckdb").resolve()
    manifest = built.paths.target / "manifest.json"
    folder = tmp_path_factory.mktemp("pages") / "site"
    exports = built.paths.published / "exports"
    queries = write_site(file, folder, exports, read_texts(manifest), ABOUT)
    return Written(folder, queries, file, read_disclosure(manifest), manifest)


@pytest.fixture(scope="module")
def recomputed(written: Written) -> dict[str, list[dict[str, Any]]]:
    """The rows of each query, from the published file: its small cells hidden again."""
    with duckdb.connect(str(written.file), read_only=True) as connection:
        reports = [one for one in written.disclosure.relations if one.schema == "reports"]
        hide_cells(connection, reports, ABOUT.least_count)
        for report in reports:
            export(connection, report)
            connection.execute(f"create temp table {quoted(report.name)} as from export")
        found = {}
        for name, sql in written.queries.items():
            result = connection.execute(sql)
            columns = [column[0] for column in result.description or []]
            rows = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
            found[name] = rows
    return found


def is_shown(text: str, value: Any, kind: str) -> bool:
    """Whether a text is what people read of a value: read back, not printed again."""
    if value is None:
        return text == "–"
    if kind in ("text", "day"):
        return text == str(value)[: len(text)] and len(text) >= min(len(str(value)), 10)
    if kind == "yes":
        return text == ("yes" if value else "no")
    if kind == "month" and isinstance(value, date):
        return text == f"{value:%b %Y}"
    if kind == "month":
        return text == str(value)
    number = float(value) * (100 if kind in ("share", "change") else 1)
    if text == "< 0.01 %":
        return 0 < number < 0.01
    if text == "> 99.9 %":
        return 99.9 < number < 100
    found = re.fullmatch(r"([+−]?)([\d,]+(?:\.(\d+))?(?:e-\d+)?)( %| USD)?", text)
    if not found:
        return False
    digits = found[2].replace(",", "")
    printed = float(digits) * (-1 if found[1] == "−" else 1)
    # Half of the last digit that is printed.
    decimals = len(found[3] or "")
    return math.isclose(printed, number, rel_tol=1e-9, abs_tol=0.5000001 * 10**-decimals)


def is_cell(cell: Node, row: dict[str, Any], columns: list[str], kind: str) -> bool:
    """Whether a cell of a table shows a value, with its limits if there are any."""
    if cell.text == "hidden":
        return bool(row["is_suppressed"]) and row[columns[0]] is None
    main = " ".join(
        (part if isinstance(part, str) else part.text if part.tag != "small" else "")
        for part in cell.parts
    ).strip()
    if not is_shown(main, row[columns[0]], kind):
        return False
    limits = [part.text for part in cell.walk() if part.tag == "small"]
    if len(columns) == 1 or row[columns[1]] is None:
        return not limits
    low, high = limits[0].split(" to ")
    return is_shown(low, row[columns[1]], kind) and is_shown(high, row[columns[2]], kind)


def figures(
    page: Node, rows: dict[str, list[dict[str, Any]]]
) -> Iterator[tuple[bool, str]]:
    """Each figure of a page: whether it is right, and what to say if it is not."""
    for node in page.walk():
        if source := node.attributes.get("data-n"):
            query, at, column = source.split(":")
            value = rows[query][int(at)][column]
            said = node.text
            if "mark" in node.attributes.get("class", "").split():
                # In words around it.
                found = re.search(r"\d{4}-\d\d-\d\d|[\d,.]+ %", said)
                said = found[0] if found else said
            yield is_shown(said, value, node.attributes["data-kind"]), f"{source} {said}"
        if node.tag != "table":
            continue
        if "data-q" not in node.attributes:
            # The explorer's, which its script fills.
            assert not [cell for cell in node.walk() if cell.tag == "td" and cell.text]
            continue
        query = node.attributes["data-q"]
        if "heat" in node.attributes.get("class", "").split():
            for cell in node.walk():
                if "data-r" in cell.attributes:
                    at = int(cell.attributes["data-r"])
                    value = rows[query][at][node.attributes["data-c"]]
                    right = is_shown(cell.text, value, node.attributes["data-kind"])
                    yield right, f"{query}:{at} {cell.text} {value}"
            continue
        heads = [one for one in node.walk() if one.tag == "th"]
        lines = [one for one in node.walk() if one.tag == "tr"][1:]
        start = int(node.attributes.get("data-start", 0))
        for at, line in enumerate(lines, start):
            cells = [part for part in line.parts if isinstance(part, Node)]
            for head, cell in zip(heads, cells, strict=True):
                kind = head.attributes["data-kind"]
                if kind == "spark":
                    continue
                columns = head.attributes["data-c"].split()
                right = is_cell(cell, rows[query][at], columns, kind)
                yield right, f"{query}:{at}:{columns[0]} {cell.text}"


def our_words() -> set[str]:
    """What the project itself says: texts of templates, of Python and of exposures."""
    words: set[str] = set()
    for file in PAGES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(" ".join(node.value.split()))
    for file in PAGES.glob("templates/*.html"):
        pieces = re.split(r"<[^>]*>|\{[{%#].*?[}%#]\}", file.read_text(), flags=re.S)
        words |= {" ".join(piece.split()) for piece in pieces}
    for one in yaml.safe_load(EXPOSURES.read_text())["exposures"]:
        meta = one["config"]["meta"]
        for text in (one["label"], one["description"], meta["caveat"], meta["title"]):
            words.add(" ".join(text.split()))
    return words


def test_each_printed_figure_is_in_the_published_file(
    written: Written, recomputed: dict[str, list[dict[str, Any]]]
) -> None:
    n_figures = 0
    wrong = []
    for name, page in written.pages():
        for right, said in figures(page, recomputed):
            n_figures += 1
            if not right:
                wrong.append(f"{name}: {said}")
    assert not wrong, f"{len(wrong)} of {n_figures}: {wrong[:20]}"
    assert n_figures > 3000


def test_no_figure_stands_outside_a_query(written: Written) -> None:
    words, loose = our_words(), []
    for name, page in written.pages():
        for node in page.walk():
            if node.inside(
                "data-n", "data-q", "data-about", "svg", "script", "style", "title"
            ):
                continue
            for part in node.parts:
                text = " ".join(part.split()) if isinstance(part, str) else ""
                if re.search(r"\d", text) and text not in words:
                    loose.append(f"{name}: {text}")
    assert not loose, loose[:20]


def test_a_picture_says_what_its_table_says(written: Written) -> None:
    numbers = re.compile(r"[\d,.]*\d")
    n_marks = 0
    for name, page in written.pages():
        for card in page.walk():
            pictures = [
                node for node in card.walk() if node.attributes.get("class") == "picture"
            ]
            if card.tag != "section" or not pictures:
                continue
            cells = " ".join(n.text for n in card.walk() if n.tag in ("td", "th"))
            known = set(numbers.findall(cells))
            for mark in pictures[0].walk():
                said = mark.attributes.get("aria-label", "")
                if mark.inside("svg") and mark.tag != "svg" and said:
                    n_marks += 1
                    unknown = set(numbers.findall(said)) - known
                    assert not unknown, f"{name}: {said}: {unknown}"
    assert n_marks > 200


def test_what_is_said_of_the_version_is_so(written: Written) -> None:
    for name, page in written.pages():
        for node in page.walk():
            if about := node.attributes.get("data-about"):
                told = str(getattr(ABOUT, about))
                assert told.startswith(node.text.replace(",", "")), f"{name}: {about}"


def test_pages_read_exports_and_marts_of_no_person(written: Written) -> None:
    allowed = {"fct_figures", "fct_observed_days", "fct_deliveries", "fct_row_fates"}
    allowed |= {"fct_rejected_rows", "fct_incidents", "dim_neighborhoods"}
    allowed |= {"dim_neighborhood_shapes", "fct_accidents"}
    for name, sql in written.queries.items():
        assert not re.search(r"\b(reports|staging|intermediate)\s*\.", sql), name
        assert set(re.findall(r"\bmarts\.(\w+)", sql)) <= allowed, name


def test_an_exposure_lists_what_its_page_reads(written: Written) -> None:
    exposures = yaml.safe_load(EXPOSURES.read_text())["exposures"]
    for one in exposures:
        page = one["name"].removeprefix("page_")
        read = {"rpt_trust"}
        for name, sql in written.queries.items():
            if name.split(".")[0] == page:
                read |= set(re.findall(r"\b(?:rpt|fct|dim)_\w+", sql))
        listed = {re.findall(r"'(\w+)'", ref)[0] for ref in one["depends_on"]}
        assert listed == read, page


def test_what_exports_hide_no_page_shows(written: Written, tmp_path: Path) -> None:
    """If each count is small, nothing that is counted of people or requests is left."""
    least = 100_000_000
    disclosure = Disclosure(Settings(False, least), written.disclosure.relations)
    write_exports(written.file, tmp_path / "exports", disclosure, 7)
    texts = read_texts_of(written)
    about = About(7, ABOUT.sha256, 1234, least, True)
    queries = write_site(
        written.file, tmp_path / "site", tmp_path / "exports", texts, about
    )
    hidden = {one.name for one in disclosure.relations if one.cell}
    counts = {name for one in disclosure.relations if one.cell for name in one.cell.counts}
    shown = []
    for file in (tmp_path / "site").glob("*.html"):
        page = Reader(file.read_text()).root
        for table in (node for node in page.walk() if "data-q" in node.attributes):
            if table.attributes.get("class") == "heat":
                cells = (node.text for node in table.walk() if "data-r" in node.attributes)
                shown += [text for text in cells if text.strip("0.")]
                continue
            sql = queries[table.attributes["data-q"]]
            names = set(re.findall(r"\brpt_\w+", sql))
            if not names or not names <= hidden or "marts." in sql:
                continue
            heads = [one for one in table.walk() if one.tag == "th"]
            names = [one.attributes["data-c"].split()[0] for one in heads]
            for line in [one for one in table.walk() if one.tag == "tr"][1:]:
                cells = [part.text for part in line.parts if isinstance(part, Node)]
                shown += [
                    f"{table.attributes['data-q']}: {cell}"
                    for cell, name in zip(cells, names, strict=True)
                    if name in counts and cell not in ("hidden", "–", "0")
                ]
    assert not shown, shown[:10]


def read_texts_of(written: Written) -> dict[str, Any]:
    """What the pages are about, as the exposures say."""
    return read_texts(written.manifest)


def test_pages_of_nothing_say_what_would_be_there(written: Written, tmp_path: Path) -> None:
    """A folder in which only one feed has landed has all tables, and few rows."""
    file, exports = tmp_path / "eventmart.duckdb", tmp_path / "exports"
    exports.mkdir()
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"attach '{written.file}' as whole (read_only)")
        connection.execute("create schema marts")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'whole' "
            "and schema_name = 'marts'"
        ).fetchall():
            connection.execute(
                f"create table marts.{name} as from whole.marts.{name} limit 0"
            )
    with duckdb.connect() as connection:
        for parquet in (written.file.parent / "exports").glob("*.parquet"):
            connection.execute(
                f"copy (from '{parquet}' limit 0) to '{exports / parquet.name}'"
            )
    write_site(file, tmp_path / "site", exports, read_texts_of(written), ABOUT)
    pages = list((tmp_path / "site").glob("*.html"))
    assert len(pages) >= 9
    for page in pages:
        cards = [
            node
            for node in Reader(page.read_text()).root.walk()
            if node.attributes.get("class", "").startswith("card") and node.text
        ]
        empty = [card for card in cards if "Nothing found." in card.text]
        assert empty, page.name
        assert not [card for card in cards if card not in empty and "svg" in card.text]


HOSTILE = [
    "<script>document.title='x'</script>",
    '"><img src=x onerror=alert(1)>',
    "'; drop table x; --",
    '=HYPERLINK("http://example.com")',
    "\u202egnp.exe",
    "{{ 7 * 7 }}",
    "x" * 300,
]


def test_hostile_labels_are_text(written: Written, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    with duckdb.connect() as connection:
        for parquet in (written.file.parent / "exports").glob("*.parquet"):
            names = {
                row[0]
                for row in connection.execute(f"describe from '{parquet}'").fetchall()
                if row[1] == "VARCHAR"
            }
            labels = names & {"product_name", "agency", "request_series", "kiosk_group"}
            listed = ", ".join(
                f"list_extract($hostile, cast(1 + hash({name}) % 7 as bigint)) as {name}"
                for name in labels
            )
            source = (
                f"(select * replace ({listed}) from '{parquet}')"
                if labels
                else f"'{parquet}'"
            )
            given = {"hostile": HOSTILE} if labels else None
            connection.execute(f"create or replace temp table one as from {source}", given)
            connection.execute(f"copy one to '{exports / parquet.name}'")
    folder = tmp_path / "site"
    write_site(written.file, folder, exports, read_texts_of(written), ABOUT)
    seen = ""
    for file in folder.glob("*.html"):
        page = Reader(file.read_text()).root
        for node in page.walk():
            assert not [name for name in node.attributes if name.startswith("on")]
            assert node.tag != "script" or node.attributes["src"].endswith(".js")
            assert node.tag != "img"
        seen += page.text
    for label in HOSTILE:
        assert label in seen


def weight(file: Path, suffixes: tuple[str, ...]) -> int:
    """Bytes of the script and style that a page loads, data apart."""
    loaded = re.findall(r'(?:href|src)="([\w.]+)"', file.read_text())
    return sum(
        file.with_name(name).stat().st_size for name in {*loaded} if name.endswith(suffixes)
    )


def test_pages_are_light(written: Written) -> None:
    for file in written.folder.rglob("*.html"):
        assert file.stat().st_size <= 80 * KILOBYTE, file.name
    for file in written.folder.glob("*.html"):
        assert weight(file, (".css", ".js")) <= 60 * KILOBYTE, file.name
    files = [file for file in written.folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 8000 * KILOBYTE


def test_a_page_asks_for_nothing_from_outside(written: Written) -> None:
    for name, page in written.pages():
        for node in page.walk():
            for attribute in ("src", "href"):
                there = node.attributes.get(attribute, "")
                assert not re.match(r"(\w+:)?//", there), f"{name}: {there}"
                if (
                    there.endswith((".html", ".css", ".js", ".svg"))
                    and "../docs" not in there
                ):
                    target = (written.folder / name).parent / there.partition("#")[0]
                    assert target.exists(), f"{name}: {there}"


def test_links_within_pages_lead_somewhere(written: Written) -> None:
    pages = dict(written.pages())
    ids = {
        name: {node.attributes.get("id") for node in page.walk()}
        for name, page in pages.items()
    }
    for name, page in pages.items():
        for node in page.walk():
            file, _, at = node.attributes.get("href", "").partition("#")
            if at and node.tag == "a" and not file.endswith("docs.html"):
                target = (Path(name).parent / file).as_posix() if file else name
                target = re.sub(r"^\w+/\.\./", "", target)
                assert at in ids[target], f"{name}: {file}#{at}"


def test_exports_are_seen_by_the_names_of_their_reports(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy (select 7 as n) to '{tmp_path / 'rpt_x.parquet'}'")
        show_exports(connection, tmp_path)
        assert connection.execute("select n from rpt_x").fetchall() == [(7,)]


def test_each_picture_stands_by_itself(written: Written) -> None:
    pictures = list(written.folder.glob("pictures/*.svg"))
    assert len(pictures) > 20
    for file in pictures:
        root = ElementTree.parse(file).getroot()
        assert root.find("{http://www.w3.org/2000/svg}style") is not None, file.name


def test_breaks_and_restatements_are_drawn_where_they_are() -> None:
    """Months: a code changed, moved later, in part, and moved too little to be marked."""
    rows = [
        {
            "month": date(2016, at + 1, 1),
            "n_requests": n,
            "is_partial": at == 2,
            "break_date": date(2016, 1, 16) if at == 0 else None,
            "n_breaks": int(at == 0),
            "n_moved_later": at if at % 2 else None,
            "moved_share": at / n if at % 2 else None,
        }
        for at, n in enumerate((80, 20, 10, 61))
    ]
    columns = (Column("month", "Month", "month"), *charts.BREAKS)
    svg = charts.bars(
        Rows("x", rows),
        columns,
        "Requests",
        charts.months("month"),
        charts.amount("n_requests", "requests"),
        breaks=True,
        height=100,
    )
    assert svg.count('stroke="var(--bad)"') == 1
    assert svg.count(f'fill="{charts.SECOND}"') == 1
    assert svg.count(f'fill="{charts.QUIET}"') == 1
    assert svg.count(f'fill="{charts.MARK}"') == 3
    line = re.search(r'translate\(([\d.]+),0\)"[^>]*stroke="var\(--bad', svg)
    first = re.search(r'd="M([\d.]+),0h([\d.]+)v100', svg)
    assert line
    assert first
    # In the middle of January, which is the first bar and the highest.
    middle = float(first[1]) + float(first[2]) / 2
    assert float(line[1]) == pytest.approx(middle, abs=5)


def test_no_figure_stands_beside_a_hole() -> None:
    def figure(n_rows: int, *, is_wide: bool = False) -> Figure:
        rows = Rows("x", [{"n": 1}] * n_rows)
        return Figure("", rows, (), empty="", is_wide=is_wide)

    full, none, wide = figure(1), figure(0), figure(1, is_wide=True)
    assert list(laid_out([full, none, full, none])) == [full, full, none, none]
    assert list(laid_out([none, full, wide, full])) == [
        replace(full, is_wide=True),
        replace(none, is_wide=True),
        wide,
        replace(full, is_wide=True),
    ]


def test_agencies_are_compared_in_one_month() -> None:
    """What is hidden in it says so, and no older month stands in its place."""
    query = (PAGES / "queries" / "requests.agencies.sql").read_text()
    months = [
        ("overall", "All", 5, 90, False),
        ("overall", "All", 6, 80, False),
        # After the file's last request there are only closes.
        ("overall", "All", 7, 0, False),
        ("agency", "Parks", 5, 60, False),
        ("agency", "Parks", 6, 80, False),
        ("agency", "Parks", 7, 0, False),
        ("agency", "Finance", 5, 30, False),
        ("agency", "Finance", 6, None, True),
        ("agency", "Libraries", 5, 9, False),
    ]
    with duckdb.connect() as connection:
        connection.execute(
            "create table rpt_request_volumes (dimension text, dimension_value text, "
            "month_start_date date, n_requests bigint, is_suppressed boolean, "
            "first_call_share double, is_partial_month boolean)"
        )
        connection.executemany(
            "insert into rpt_request_volumes values "
            "(?, ?, make_date(2015, ?, 1), ?, ?, 0.5, false)",
            months,
        )
        found = connection.execute(
            f"select agency, last_month, n_last_month, is_suppressed, "
            f"n_requests_by_month from ({query})"
        ).fetchall()
    june = date(2015, 6, 1)
    assert found == [
        ("Parks", june, 80, False, [60, 80]),
        ("Libraries", june, 0, False, [9]),
        ("Finance", june, None, True, [30, None]),
    ]


def test_a_change_of_layout_is_one_mark() -> None:
    """Codes of a column that change in the same month; hidden ones have no label."""
    query = (PAGES / "queries" / "accidents.breaks.sql").read_text()
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table rpt_coding_breaks as
            from (values
                ('accidents', 'main', 'light', 'dark: much', date '2010-12-07', .0, .4),
                ('accidents', 'main', 'light', 'dusk: little', date '2010-12-09', .2, .1),
                ('accidents', 'main', 'light', null, date '2010-12-05', null, null),
                ('accidents', 'main', 'light', 'dawn: later', date '2011-01-01', .2, .1),
                ('accidents', 'main', 'road', 'ice: much', date '2010-12-07', .0, .4),
                ('service_requests', 'main', 'source', 'x', date '2010-12-07', .0, .4)
            ) as breaks (
                feed, vintage, code_column, label, break_date, share_before, share_after
            )
            """
        )
        found = connection.execute(query).fetchall()
    seventh = date(2010, 12, 7)
    assert found == [
        ("main", seventh, "dark: much, and 1 more codes"),
        ("main", seventh, "ice: much"),
        ("main", date(2011, 1, 1), "dawn: later"),
    ]


def test_a_page_has_only_the_neighborhoods_furthest_from_the_city() -> None:
    query = (PAGES / "queries" / "requests.gaps.sql").read_text()
    with duckdb.connect() as connection:
        connection.execute(
            "create table rpt_neighborhood_request_gaps as select * from (select 'n' || "
            "range as neighborhood_name, nullif(range, 3) as gap_to_city from range(78))"
        )
        found = [gap for _, gap in connection.execute(query).fetchall()]
    assert found == [0, 1, 2, 4, 5, 6, 72, 73, 74, 75, 76, 77]


def test_the_oldest_open_requests_are_at_the_bottom(written: Written) -> None:
    (file,) = written.folder.glob("pictures/requests-backlog.svg")
    parts: dict[str, dict[str, float]] = {}
    for day, age, top in re.findall(
        r'aria-label="([\d-]+): [^"]*; open ([^"]*? days) [\d,]+"[^>]* d="M[\d.]+,([\d.]+)',
        file.read_text(),
    ):
        parts.setdefault(day, {})[age] = float(top)
    assert max(map(len, parts.values())) == 4
    for tops in parts.values():
        ages = ["up to 7 days", "8 to 30 days", "31 to 90 days", "over 90 days"]
        drawn = [tops[age] for age in ages if age in tops]
        assert drawn == sorted(drawn)


def test_a_line_of_counts_has_a_gap_where_a_count_is_hidden() -> None:
    site = Site(duckdb.connect(), Path(), ABOUT, {}, [])
    spark = site.environment.get_template("parts.html").module.spark  # type: ignore[attr-defined]
    drawn = re.search(r' d="([^"]+)"', spark([4, 8, None, 6, 4], 84, 24))
    assert drawn
    assert drawn[1] == "M2.0,21.0h0L22.0,3.0M62.0,12.0h0L82.0,21.0"


def test_a_habit_of_deliveries_needs_more_than_three() -> None:
    state = dict.fromkeys(part[0] for part in PARTS) | {
        "freshness": "fresh",
        "last_event_date": date(2016, 1, 1),
        "median_days_between": 1337.0,
        "days_since_last_as_of": 267.0,
    }
    feeds = {"accidents": 2, "purchases": 3}
    rows = [state | {"feed": feed, "n_delivery_gaps": n} for feed, n in feeds.items()]
    site = Site(duckdb.connect(), Path(), ABOUT, {}, [])
    shown = site.environment.get_template("parts.html").make_module(
        {
            "about": ABOUT,
            "strip": Strip(Rows("trust", rows)),
            "text": Text("", "", "", "", "", tuple(feeds)),
        }
    )
    strip = Reader(shown.trust_strip("")).root  # type: ignore[attr-defined]
    said = [
        node.text for node in strip.walk() if node.attributes.get("class") == "feed fresh"
    ]
    assert ["delivered every" in text for text in said] == [False, True]


def test_pictures_have_texts_as_large_as_the_page(written: Written) -> None:
    for name, page in written.pages():
        for node in page.walk():
            if node.tag == "svg" and node.parent and node.inside("picture"):
                assert node.attributes["style"], name
    rows = Rows("x", [{"feed": "a", "month": date(2016, 1, 1), "n_events": 3}])
    wide = charts.multiples(rows, (), "Alone")
    assert wide
    width = re.search(r' width="(\d+)" style="max-width:(\d+)px"', wide)
    assert width
    # One feed alone fills the card by itself, not by being enlarged.
    assert 900 < int(width[1]) < 1200
    assert int(width[2]) == pytest.approx(int(width[1]) * 1.3, abs=1)


def test_no_two_figures_of_an_axis_look_alike(written: Written) -> None:
    pictures = [file.read_text() for file in written.folder.glob("pictures/*.svg")]
    seasons = [
        {"period": name, "dimension": "month", "is_one_year_only": False, "n_events": 9}
        | {"seasonal_index": index, "seasonal_index_low": index - 0.03}
        | {"seasonal_index_high": index + 0.03}
        for name, index in (("Jan", 0.97), ("Feb", 0.93), ("Mar", 1.06))
    ]
    columns = (Column("period", "Month"), Column("seasonal_index", "Index", "index"))
    pictures.append(across.index(Rows("x", seasons), columns, "Seasons") or "")
    n_axes = 0
    for picture in pictures:
        for axis in re.findall(r"<g>((?:<text[^>]*>[^<]*</text>)+)</g>", picture):
            labels = re.findall(r">([^<]+)</text>", axis)
            figures = [one for one in labels if re.fullmatch(r"[−+\d.,%]+", one)]
            n_axes += len(figures) > 2
            assert len(figures) == len(set(figures)), labels
    assert n_axes > 10
