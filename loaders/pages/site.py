"""Write the pages of a version: a folder of files that open from disk, without a server.

A page shows rows of the exports, in which small cells are hidden already, and of what of
the marts is about deliveries and places: docs/decisions/011_pages.md says why. Each query
has a name, and each printed figure says of which query, row and column it is, so that a
test computes all of them again.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from loaders.disk import sync
from loaders.pages.figures import laid_out
from loaders.pages.formats import show
from loaders.pages.rows import Rows
from loaders.pages.strip import QUERY, Strip
from loaders.sql import literal, quoted

# All that pages are made of, data and texts apart.
FILES = Path(__file__).parent
_STATIC = FILES / "static"
_QUERIES = FILES / "queries"
# Beside the page itself nothing is loaded; styles of single elements place marks.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class About:
    """The version that the pages are of."""

    number: int
    sha256: str
    n_tests: int | None
    least_count: int
    is_demo: bool


@dataclass(frozen=True)
class Text:
    """What a page is about, as its exposure says; the name is `page_` and the page's."""

    name: str
    title: str
    question: str
    explanation: str
    caveat: str
    feeds: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A file of a page: what its template is given, and the scripts that it loads."""

    file: str
    template: str
    context: Mapping[str, Any]
    scripts: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """A page; `fill` reads what it shows. It is written if there is an exposure of it."""

    name: str
    file: str
    fill: Callable[["Site"], Iterable[Sheet]]


@dataclass
class Site:
    """A folder of pages that is being written, and what all pages need."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    about: About
    texts: dict[str, Text]
    pages: list[Page]
    queries: dict[str, str] = field(default_factory=dict)

    def rows(self, name: str, sql: str | None = None) -> Rows:
        """The rows of a query, which is to put them in order.

        Args:
            name: what it is called in the pages: of each query another.
            sql: unqualified names are those of exports; marts are named `marts.x`. Without
                it, it is the file of that name in `queries/`.
        """
        if sql is None:
            sql = (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
        if self.queries.setdefault(name, sql) != sql:
            raise ValueError(f"two queries are called {name}")
        found = self.connection.execute(sql)
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        report = re.search(r"\brpt_\w+", sql)
        return Rows(name, rows, report[0] if report else "")

    def write(self, file: str, text: str) -> None:
        """Write a file of the site, such as `data/x.js`."""
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sync(path)

    def link(self, file: str, at: str = "") -> str:
        """A link to a page, if that is written."""
        return file + at if any(page.file == file for page in self.pages) else ""

    def data(self, name: str, value: Any) -> str:
        """Write data as a script, since a page may fetch nothing from disk.

        It is then `eventmart.data[name]`. The name of the file is returned.
        """
        text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)
        file = f"data/{name}.js"
        self.write(
            file,
            "(window.eventmart=window.eventmart||{data:{}}).data"
            f"[{json.dumps(name)}]={text};\n",
        )
        return file

    @cached_property
    def environment(self) -> Environment:
        """The templates: all text is escaped, and what is missing is an error."""
        environment = Environment(
            loader=PackageLoader("loaders.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["show"] = show
        return environment

    def render(self, page: Page, sheet: Sheet, strip: Strip) -> None:
        """Write a file of a page."""
        text = self.environment.get_template(sheet.template).render(
            page=page,
            text=self.texts[page.name],
            pages=self.pages,
            texts=self.texts,
            about=self.about,
            strip=strip,
            policy=POLICY,
            scripts=sheet.scripts,
            file=sheet.file,
            **{**sheet.context, "figures": laid_out(sheet.context["figures"])},
        )
        self.write(sheet.file, text)
        for figure in sheet.context["figures"]:
            if figure.svg and figure.rows.rows:
                self.write(f"pictures/{page.name}-{figure.id}.svg", alone(figure.svg))


def alone(svg: str) -> str:
    """A picture that stands by itself, with the colours of the style sheet."""
    css = (_STATIC / "site.css").read_text(encoding="utf-8")
    light = re.search(r":root \{[^}]*\}", css)
    texts = "text{font:12px sans-serif}text:not([fill]){fill:var(--soft)}"
    lines = "line:not([stroke]){stroke:var(--line)}svg{background:var(--card)}"
    style = f"<style>{light[0] if light else ''}{texts}{lines}</style>"
    # As text: markup would escape what is put into it.
    return str(svg).replace(">", f">{style}", 1)


def read_texts(manifest: Path) -> dict[str, Text]:
    """What dbt's manifest says of the pages, by their names; none if it knows of none."""
    exposures = json.loads(manifest.read_text()).get("exposures", {}).values()
    texts = {}
    for one in exposures:
        if one["type"] == "dashboard":
            meta = one["config"]["meta"]
            name = one["name"].removeprefix("page_")
            texts[name] = Text(
                name,
                meta["title"],
                one["label"],
                one["description"],
                meta["caveat"],
                tuple(meta["feeds"]),
            )
    return texts


def show_exports(connection: duckdb.DuckDBPyConnection, exports: Path) -> None:
    """Let a connection see exports by the names of their reports."""
    for file in sorted(exports.glob("*.parquet")):
        connection.execute(
            f"create temp view {quoted(file.stem)} as "  # noqa: S608
            f"select * from read_parquet({literal(str(file))})"
        )


def write_site(
    file: Path,
    folder: Path,
    exports: Path,
    texts: dict[str, Text],
    about: About,
) -> dict[str, str]:
    """Write the pages of a version into a new folder.

    Args:
        file: the version's file.
        folder: where to; it must not exist yet.
        exports: the version's exports.
        texts: what the pages are about: those that are in it are written.
        about: the version.

    Returns:
        The queries that the figures on the pages are of, by name.
    """
    # Altair takes a while to load, which no other command needs.
    from altair.utils.schemapi import debug_mode

    from loaders.pages.registry import PAGES

    folder.mkdir()
    # Each description of a picture is of ours, and need not be checked each time.
    with duckdb.connect(str(file), read_only=True) as connection, debug_mode(False):
        show_exports(connection, exports)
        pages = [page for page in PAGES if page.name in texts]
        site = Site(connection, folder, about, texts, pages)
        for static in sorted(_STATIC.iterdir()):
            site.write(static.name, static.read_text(encoding="utf-8"))
        strip = Strip(site.rows("trust", QUERY))
        for page in pages:
            for sheet in page.fill(site):
                site.render(page, sheet, strip)
        sync(folder)
        return site.queries
