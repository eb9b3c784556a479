"""The pages of a version: written before anybody sees it, or again afterwards."""

import hashlib
import shutil
from dataclasses import astuple
from importlib.metadata import version as version_of
from pathlib import Path

import duckdb

from loaders.config.paths import Paths
from loaders.config.permissions import show
from loaders.disk import sync
from loaders.errors import UsageError
from loaders.landing.demo_data import is_demo
from loaders.pages.site import FILES, About, Text, read_texts, write_site
from loaders.publishing.privacy import read_settings
from loaders.publishing.serving import alone, clean_up
from loaders.publishing.versions import (
    EXPORTS,
    SITE,
    Version,
    current_version,
    folder_of,
    part_link,
    writings,
)

# In the folder of pages: what they were made of, data apart.
_MADE_OF = "made_of.txt"


def index_of(paths: Paths) -> Path | None:
    """The page to open first; None if what readers see has no pages."""
    return paths.published / SITE / "index.html" if part_link(paths, SITE) else None


def write_pages(
    paths: Paths, folder: Path, version: Version, manifest: Path, name: str = SITE
) -> None:
    """Write the pages of a version into its folder; none if the project has no pages.

    Args:
        paths: the data folder.
        folder: of the version, with its file and exports.
        version: the version.
        manifest: dbt's manifest of the project, which has the texts of the pages.
        name: the folder of the pages in it, which must not exist yet.
    """
    if texts := read_texts(manifest):
        file = folder / paths.build.name
        about = About(
            version.number,
            version.sha256,
            version.n_tests,
            read_settings().least_count,
            _is_demo(paths, file),
        )
        write_site(file, folder / name, folder / EXPORTS, texts, about)
        made_of = folder / name / _MADE_OF
        made_of.write_text(_made_of(texts))
        sync(made_of)


def are_outdated(paths: Paths, manifest: Path) -> bool:
    """Whether the pages that readers see would be others if they were written now."""
    index, texts = index_of(paths), read_texts(manifest)
    if index is None:
        return False
    made_of = index.with_name(_MADE_OF)
    return not made_of.exists() or made_of.read_text() != _made_of(texts)


def _made_of(texts: dict[str, Text]) -> str:
    """A hash of templates, queries, scripts and code, of texts, and of what draws them."""
    digest = hashlib.sha256(repr([astuple(text) for text in texts.values()]).encode())
    for file in sorted(file for file in FILES.rglob("*.*") if file.suffix != ".pyc"):
        digest.update(f"{file.relative_to(FILES)}\0".encode() + file.read_bytes())
    packages = ("altair", "vl-convert-python", "jinja2")
    digest.update(repr([version_of(package) for package in packages]).encode())
    return f"{digest.hexdigest()}\n"


def rewrite_pages(paths: Paths) -> Path:
    """Write the pages of the version that readers see again; the first page is returned.

    They are written into a folder of their own, and then the link of readers is replaced:
    readers see all pages as they were, or all as they are now.

    Raises:
        UsageError: if nothing is published, or the project has no pages.
        BusyError: if another process publishes.
    """
    manifest = paths.target / "manifest.json"
    with alone(paths):
        clean_up(paths)
        version = current_version(paths)
        if version is None:
            raise UsageError(
                f"{paths.published}: nothing is published yet; run: make build"
            )
        if not manifest.exists():
            raise UsageError(f"{manifest}: dbt has not read the project; run: make build")
        folder = folder_of(paths, version.number)
        partial = folder / f".{SITE}.partial"
        try:
            write_pages(paths, folder, version, manifest, partial.name)
            if partial.is_dir():
                show(partial, read_settings().mask)
                before = writings(paths, version.number, SITE)
                n_written = int(before[-1].suffix[1:] or 1) if before else 0
                partial.rename(folder / f"{SITE}.{n_written + 1}")
                sync(folder)
        except duckdb.CatalogException as error:
            raise UsageError(
                f"{folder}: is from a build without some tables of the pages; nothing was "
                f"changed; run: make build ({error})"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        # Serves them, and removes those before.
        clean_up(paths)
    index = index_of(paths)
    if index is None:
        raise UsageError("the project has no pages: no exposure of the type dashboard")
    return index


def _is_demo(paths: Paths, file: Path) -> bool:
    """Whether any delivery that a version was made of was of the demo."""
    with duckdb.connect(str(file), read_only=True) as connection:
        uris = connection.execute(
            "select distinct uri from marts.fct_deliveries where status = 'landed'"
        ).fetchall()
    return any(is_demo(paths, uri) for (uri,) in uris)
