"""All pages in a real browser, from disk: light, readable, and reached by keys alone."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.pages.conftest import Visit

pytestmark = pytest.mark.xdist_group("built")

AXE = Axe()


def sheets(site: Path) -> list[Path]:
    """All pages, and of those of neighborhoods, which are alike, one."""
    return [*sorted(site.glob("*.html")), *sorted(site.glob("*/*.html"))[:1]]


def test_no_page_asks_for_anything_outside_or_fails(site: Path, visit: Visit) -> None:
    assert len(sheets(site)) >= 9
    for file in sheets(site):
        visit.open(file)
    inside = site.parent.as_uri()
    assert [url for url in visit.requested if not url.startswith((inside, "about:"))] == []
    assert visit.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_pages_are_accessible_and_fit(
    site: Path, visit: Visit, theme: str, width: int
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    for file in sheets(site):
        page = visit.open(file, f"?theme={theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file.name
        # It would fetch style sheets, which the pages' own policy refuses.
        found = AXE.run(page, options={"preload": False}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], file.name


def reached(page: Page) -> set[str]:
    """What the tabulator reaches, by the number of the element in the page."""
    page.evaluate(
        "[...document.querySelectorAll('*')].forEach((e, i) => { e.dataset.number = i; })"
    )
    found: set[str] = set()
    for _ in range(900):
        page.keyboard.press("Tab")
        number = page.evaluate("document.activeElement.dataset.number")
        if number in found or page.evaluate("document.activeElement === document.body"):
            break
        found.add(number)
    return found


def test_keys_alone_reach_all_that_can_be_used(site: Path, visit: Visit) -> None:
    for file in sheets(site):
        page = visit.open(file)
        found = reached(page)
        usable = page.evaluate(
            """() => [...document.querySelectorAll(
                "a[href], button, select, input, summary, [tabindex='0']"
            )].filter((e) => e.tabIndex >= 0 && e.checkVisibility())
            .map((e) => [e.dataset.number, e.outerHTML.slice(0, 120)])"""
        )
        missed = [html for number, html in usable if number not in found]
        assert missed == [], file.name
