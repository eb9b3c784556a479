"""All pages, in the order of the navigation."""

from loaders.pages import (
    accidents,
    across,
    forecast,
    overview,
    places,
    purchases,
    requests,
    trust,
)
from loaders.pages.site import Page

PAGES = [
    Page("overview", "index.html", overview.fill),
    Page("products", "products.html", purchases.fill_products),
    Page("kiosks", "kiosks.html", purchases.fill_kiosks),
    Page("customers", "customers.html", purchases.fill_customers),
    Page("requests", "requests.html", requests.fill),
    Page("accidents", "accidents.html", accidents.fill),
    Page("forecast", "forecast.html", forecast.fill),
    Page("places", "places.html", places.fill),
    Page("seasons", "seasons.html", across.fill_seasons),
    Page("connections", "connections.html", across.fill_connections),
    Page("trust", "trust.html", trust.fill),
]
