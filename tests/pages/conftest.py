"""One browser and one site for all tests of pages, opened from disk, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.projects import Project

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium. Without it these tests fail: pages are made for browsers."""
    found = shutil.which("chromium")
    assert found, "no chromium, which tests of pages need: apt-get install -y chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def published(built: Project) -> Path:
    """The folder of a published demo."""
    return built.paths.published


@pytest.fixture(scope="session")
def site(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the demo, taken along to a folder with blanks and umlauts."""
    folder = tmp_path_factory.mktemp("pages") / "Öffentliche Seiten ü"
    shutil.copytree((published / "site").resolve(), folder / "site")
    # What the pages link to; dbt's own docs are tested elsewhere.
    (folder / "docs.html").write_text("<!doctype html><title>docs</title>")
    return folder / "site"


class Visit:
    """A page in a browser, and all that went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        """Listen to a new page."""
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.on("dialog", lambda dialog: self._note("error", dialog.message))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(text)

    def open(self, file: Path, rest: str = "") -> Page:
        """Open a file, at an address that ends with `rest`."""
        # Another part of the same address alone would load nothing.
        self.page.goto("about:blank")
        self.page.goto(file.as_uri() + rest)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A page of 1,280 by 900 pixels without a network."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    yield Visit(context)
    context.close()
