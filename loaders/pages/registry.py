"""All pages, in the order of the navigation."""

from loaders.pages import overview
from loaders.pages.site import Page

PAGES = [
    Page("overview", "index.html", overview.fill),
]
