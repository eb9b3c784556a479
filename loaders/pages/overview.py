"""What is new, what moved, and what needs a look."""

from collections.abc import Iterator

from loaders.pages.figures import Column, Figure
from loaders.pages.site import Sheet, Site


def fill(site: Site) -> Iterator[Sheet]:
    """The overview."""
    moved = site.rows(
        "overview.moved",
        "select * from rpt_delivery_impact order by abs(relative_difference) desc, figure, slice",
    )
    yield Sheet(
        "index.html",
        "page.html",
        {
            "figures": [
                Figure(
                    "moved",
                    "What the last deliveries moved",
                    moved,
                    (
                        Column("figure", "Figure"),
                        Column("slice", "Of"),
                        Column("value_before", "Before", "number"),
                        Column("value_after", "After", "number"),
                    ),
                    empty="Figures that the last deliveries changed would be here.",
                    report="rpt_delivery_impact",
                )
            ]
        },
    )
