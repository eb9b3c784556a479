"""All pages in a real browser, from disk: light, readable, and reached by keys alone."""

import re
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


# Many rows of a table are alike, and take long: some of each are enough.
FEW_ROWS = """() => {
    for (const row of document.querySelectorAll(
        "tbody tr:nth-child(n+6), tr:nth-child(n+6):has(th[scope='row']), details tr + tr"
    )) row.remove();
}"""


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 1280),
        ("dark", 320),
        *(
            pytest.param(theme, width, marks=pytest.mark.full)
            for theme, width in (
                ("dark", 1280),
                ("light", 768),
                ("dark", 768),
                ("light", 320),
            )
        ),
    ],
)
def test_pages_are_accessible(site: Path, visit: Visit, theme: str, width: int) -> None:
    """A style sheet changes sizes by width alone, and colours by theme alone."""
    visit.page.set_viewport_size({"width": width, "height": 900})
    for file in sheets(site):
        page = visit.open(file, f"?theme={theme}")
        page.evaluate(FEW_ROWS)
        # It would fetch style sheets, which the pages' own policy refuses.
        found = AXE.run(page, options={"preload": False}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], file.name


def test_pages_fit_their_width(site: Path, visit: Visit) -> None:
    for file in sheets(site):
        page = visit.open(file)
        for width in (320, 768, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (file.name, width)


def test_pages_print_uncut_on_a4(site: Path, visit: Visit) -> None:
    page = visit.page
    # A4 without its margins, at 96 dots an inch.
    page.set_viewport_size({"width": 703, "height": 1016})
    page.emulate_media(media="print")
    for file in sheets(site):
        visit.open(file)
        cut = page.evaluate(
            """() => [...document.querySelectorAll("main *")].filter((one) =>
                one.checkVisibility() && !one.closest("details:not([open])")
                && one.getBoundingClientRect().right > innerWidth + 1
            ).map((one) => one.outerHTML.slice(0, 90))"""
        )
        assert cut == [], file.name
        scrolled = page.evaluate(
            """() => [...document.querySelectorAll(".scroll, .picture, .chart")]
            .filter((one) => one.scrollHeight > one.clientHeight + 2
                && one.checkVisibility() && getComputedStyle(one).overflowY !== "visible")
            .map((one) => one.outerHTML.slice(0, 90))"""
        )
        assert scrolled == [], file.name
    # A neighborhood is one sheet, to hang up.
    sheet = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", sheet)) == 1


def focused(page: Page) -> set[str]:
    """What the tabulator reaches, by the number of the element in the page."""
    n_usable = page.evaluate(
        """() => {
            window.reached = [];
            addEventListener("focusin", (event) => {
                reached.push(event.target.dataset.number);
            });
            const all = [...document.querySelectorAll("*")];
            all.forEach((one, at) => { one.dataset.number = at; });
            return all.filter((one) => one.tabIndex >= 0).length;
        }"""
    )
    for _ in range(n_usable + 2):
        page.keyboard.press("Tab")
    return set(page.evaluate("reached"))


def test_keys_alone_reach_all_that_can_be_used(site: Path, visit: Visit) -> None:
    for file in sheets(site):
        page = visit.open(file)
        # As many of a kind as are needed to see that it is reached.
        page.evaluate(FEW_ROWS)
        found = focused(page)
        usable = page.evaluate(
            """() => [...document.querySelectorAll(
                "a[href], button, select, input, summary, [tabindex='0']"
            )].filter((e) => e.tabIndex >= 0 && e.checkVisibility())
            .map((e) => [e.dataset.number, e.outerHTML.slice(0, 120)])"""
        )
        missed = [html for number, html in usable if number not in found]
        assert missed == [], file.name
