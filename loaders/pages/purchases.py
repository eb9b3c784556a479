"""Purchases at kiosks: products, kiosks and customers."""

from collections.abc import Iterator

import altair as alt

from loaders.pages import charts
from loaders.pages.figures import Column, Figure, Tile
from loaders.pages.site import Sheet, Site


def fill_products(site: Site) -> Iterator[Sheet]:
    """What sells, and when."""
    figures = [
        _pareto(site),
        _clock(site),
        _products(site),
        _pairs(site),
        _economics(site),
        _nutrition(site),
    ]
    yield Sheet("products.html", "page.html", {"figures": figures})


def _pareto(site: Site) -> Figure:
    rows = site.rows("products.pareto")
    columns = (
        Column("product_name", "Product"),
        Column("place", "Place", "count"),
        Column("n_purchases", "Units", "count"),
        Column("cumulative_share", "With all above", "share"),
    )
    title = "How many products bring most of the sales"
    base = alt.Chart()
    x = alt.X(
        "place:O",
        axis=alt.Axis(
            title="products, most sold first", values=[1, 10, 20, 30, 40, 50, 60]
        ),
    )
    bars = base.mark_bar(color=charts.BAND).encode(
        x=x, y=charts.amount("n_purchases", "units sold"), description="tip:N"
    )
    line = base.mark_line(stroke=charts.SECOND, strokeWidth=2, aria=False).encode(
        x=x,
        y=alt.Y(
            "cumulative_share:Q",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(
                format=".0%", title="share of the units shown", orient="right", grid=False
            ),
        ),
    )
    layered = alt.layer(bars, line).resolve_scale(y="independent")
    return Figure(
        title,
        rows,
        columns,
        empty="Products by sales would be here.",
        svg=charts.draw(rows, columns, title, [layered], height=230),
        note="Bars: units of each of the first 60 products; line: their share with all"
        " before. Products with a hidden small count, or next to one, are left "
        "out.",
    )


def _clock(site: Site) -> Figure:
    rows = site.rows("products.clock")
    columns = (
        Column("hour_of_day", "Hour", "count"),
        Column("day_part", "Part of the day"),
        Column("n_purchases", "Local clock", "count"),
        Column("purchase_share", "Share", "share"),
        Column("n_purchases_utc", "UTC clock", "count"),
    )
    title = "At what hour people buy: local clock, beside UTC"
    base = alt.Chart().encode(
        x=alt.X("hour_of_day:O", axis=alt.Axis(title="hour of the day", labelAngle=0))
    )
    bars = base.mark_bar(color=charts.MARK, binSpacing=2).encode(
        y=charts.amount("n_purchases", "units sold"), description="tip:N"
    )
    line = base.mark_line(
        stroke=charts.SECOND, strokeWidth=2, strokeDash=[5, 3], aria=False
    ).encode(y=charts.amount("n_purchases_utc", "units sold"))
    return Figure(
        title,
        rows,
        columns,
        empty="Purchases by hour would be here.",
        svg=charts.draw(rows, columns, title, [bars, line], height=230),
        note="Bars: the clock on the wall. Dashed: the same by UTC, by which figures were "
        "published elsewhere; it moves evenings into mornings.",
        uses=("time",),
    )


def _products(site: Site) -> Figure:
    rows = site.rows("products.table")
    return Figure(
        "Products, most sold first",
        rows,
        (
            Column("product_name", "Product"),
            Column("fc_number", "Category"),
            Column("listing_status", "In the catalog"),
            Column("n_by_month", "By month", "spark"),
            Column("n_purchases", "Units", "count", bar=True),
            Column("purchase_share", "Share", "share"),
            Column("purchases_per_active_kiosk_day", "A kiosk-day", "number"),
            Column("last_purchase_date", "Last sold", "day"),
        ),
        empty="Products would be here.",
        note="The first 60; the CSV has all. The first and the last month are partial:"
        " compare products by units per active kiosk-day.",
        is_wide=True,
    )


def _pairs(site: Site) -> Figure:
    rows = site.rows("products.pairs")
    return Figure(
        "Bought together more often than by chance",
        rows,
        (
            Column("one_product_name", "Product"),
            Column("other_product_name", "With"),
            Column("n_together", "Visits with both", "count"),
            Column("expected_n_together", "By chance", "number"),
            Column("lift", "Lift", "index", ("lift_low", "lift_high")),
        ),
        empty="No pair of products. Pairs would be here that are in five visits or more "
        "together, and in far more than the kiosks' habits explain.",
    )


def _economics(site: Site) -> Figure:
    rows = site.rows("products.economics")
    return Figure(
        "What it may bring: an assumption",
        rows,
        (
            Column("what", "Brand"),
            Column("n_purchases", "Units", "count"),
            Column("known_purchase_share", "Cost known", "share"),
            Column(
                "estimated_margin_if_of_price_usd", "Margin, if a share of price", "usd"
            ),
            Column("estimated_margin_if_of_cost_usd", "Margin, if a share of cost", "usd"),
        ),
        empty="Estimated margins by brand would be here.",
        note="No file has prices. Both columns are what follows if the margin of the "
        "catalog means the one or the other.",
    )


def _nutrition(site: Site) -> Figure:
    rows = site.rows("products.nutrition")
    columns = (
        Column("what", "Products"),
        Column("n_products", "With a score", "count"),
        Column("n_purchases", "Units", "count"),
        Column(
            "rank_correlation",
            "Score with sales",
            "index",
            ("rank_correlation_low", "rank_correlation_high"),
        ),
        Column("n_compared", "Of so many compared", "count"),
        Column("is_clear", "Clear", "yes"),
    )
    title = "Does what is better for you sell more?"
    return Figure(
        title,
        rows,
        columns,
        empty="Correlations of nutrition scores with units per active kiosk-day would be "
        "here, once a list with scores has landed.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "what",
            "rank_correlation",
            "rank_correlation_low",
            "rank_correlation_high",
            axis="correlation of ranks",
            form=".1f",
            reference=0,
            zero=False,
        ),
        note="Rank correlation of the nutrition score with units per active kiosk-day; "
        "95 % limits; categories of ten products or more. Of so many compared a few are "
        "clear by chance. What sells well may be what is stocked well.",
    )


def fill_kiosks(site: Site) -> Iterator[Sheet]:
    """Where it sells."""
    states = site.rows("kiosks.states")
    tiles = [
        Tile(states, 0, name, "count", label)
        for name, label in (
            ("n_kiosks", "Kiosks that ever sold"),
            ("n_open", "Open"),
            ("n_paused", "Paused now"),
            ("n_closed", "Closed"),
        )
    ]
    figures = [_life_cycles(site), _groups(site), _gaps(site), _kiosks(site)]
    yield Sheet("kiosks.html", "page.html", {"tiles": tiles, "figures": figures})


def _life_cycles(site: Site) -> Figure:
    rows = site.rows("kiosks.lives")
    columns = (
        Column("kiosk_id", "Kiosk"),
        Column("kiosk_state", "State"),
        Column("first_purchase_date", "First sold", "day"),
        Column("last_purchase_date", "Last sold", "day"),
        Column("n_pauses", "Pauses", "count"),
        Column("n_purchases", "Units", "count"),
    )
    title = "Lives of the kiosks that closed or paused"
    states = {
        "open": charts.MARK,
        "paused": charts.THIRD,
        "closed": charts.SECOND,
        "unknown": charts.QUIET,
    }
    bar = (
        alt.Chart()
        .mark_bar(height=7, cornerRadius=3)
        .encode(
            y=charts.names("kiosk_id", rows),
            x=charts.days("first_purchase_date"),
            x2="last_purchase_date:T",
            color=alt.Color(
                "kiosk_state:N",
                scale=alt.Scale(domain=list(states), range=list(states.values())),
            ),
            description="tip:N",
        )
    )
    return Figure(
        title,
        rows,
        columns,
        empty="Every kiosk sold without a break. Kiosks would be here that closed or "
        "paused.",
        svg=charts.draw(rows, columns, title, [bar]),
        note="From the first to the last purchase; the newest 30 by last purchase. "
        "States are inferred from the silence since.",
    )


def _groups(site: Site) -> Figure:
    rows = site.rows("kiosks.groups")
    return Figure(
        "Kinds of kiosks, by volume and rhythm",
        rows,
        (
            Column("trait_value", "Kind"),
            Column("n_kiosks", "Kiosks", "count"),
            Column("n_purchases", "Units", "count", bar=False),
            Column(
                "agreement_share",
                "Same kind in both halves of the days",
                "share",
                ("agreement_share_low", "agreement_share_high"),
            ),
        ),
        empty="Kinds of kiosks would be here.",
        note="How often a kiosk is of the same kind on odd and on even days: where that is "
        "rare, its kind is chance.",
    )


def _gaps(site: Site) -> Figure:
    rows = site.rows("kiosks.gaps")
    return Figure(
        "What a kiosk lacks that others like it sell",
        rows,
        (
            Column("kiosk_id", "Kiosk"),
            Column("product_name", "Product"),
            Column("n_purchases", "Units", "count"),
            Column(
                "n_expected_purchases",
                "Expected",
                "number",
                ("n_expected_purchases_low", "n_expected_purchases_high"),
            ),
            Column("n_missing_purchases", "Missing", "number"),
        ),
        empty="No gap. Products would be here that kiosks of the same kind sell well, "
        "and a kiosk hardly or never.",
    )


def _kiosks(site: Site) -> Figure:
    rows = site.rows("kiosks.table")
    return Figure(
        "Kiosks, most sold first",
        rows,
        (
            Column("kiosk_id", "Kiosk"),
            Column("kiosk_state", "State"),
            Column("kiosk_group", "Kind"),
            Column("n_by_month", "By month", "spark"),
            Column("n_purchases", "Units", "count", bar=True),
            Column("n_active_days", "Active days", "count"),
            Column("purchases_per_active_day", "An active day", "number"),
            Column("weekly_change_share", "Change a week", "change"),
        ),
        empty="Kiosks would be here.",
        note="The first 80; the CSV has all. Months with a hidden small count are left out "
        "of the small lines.",
        is_wide=True,
    )


def fill_customers(site: Site) -> Iterator[Sheet]:
    """Who comes back."""
    all_cards = site.rows("customers.all")
    tiles = [
        Tile(all_cards, at, name, kind, label)
        for at, _ in enumerate(all_cards)
        for name, kind, label in (
            ("n_cards", "count", "Cards seen, shared ones left out"),
            ("n_watched", "count", "Cards watched long enough"),
            ("n_returned", "count", "Of these came back in time"),
            ("repeat_share", "share", "Share that came back"),
        )
    ]
    figures = [
        _cohorts(site),
        _returns(site),
        _concentration(site),
        _again(site),
        _shared(site),
        _baskets(site),
    ]
    yield Sheet("customers.html", "page.html", {"tiles": tiles, "figures": figures})


def _cohorts(site: Site) -> Figure:
    rows = site.rows("customers.cohorts")
    return Figure(
        "Cohorts: share of the cards of a month that bought again so many months later",
        rows,
        (
            Column("retention_share", "Share", "share"),
            Column("cohort_month", "First seen in"),
            Column("months_after", "months later", "count"),
        ),
        empty="Cohorts would be here.",
        note="In italics: months that are not over. Cards of the first month may have been "
        "bought with before.",
        is_wide=True,
        is_heat=True,
    )


def _returns(site: Site) -> Figure:
    rows = site.rows("customers.returns")
    columns = (
        Column("visits", "After"),
        Column("n_visits", "Visits", "count"),
        Column(
            "returned_in_30_days_share",
            "Back within 30 days",
            "share",
            ("returned_in_30_days_share_low", "returned_in_30_days_share_high"),
        ),
        Column("median_days_to_return", "Median days, those yet to come counted", "count"),
        Column("median_days_of_returned", "Median days of those who came", "count"),
    )
    title = "Share of visits after which the card was back within 30 days"
    return Figure(
        title,
        rows,
        columns,
        empty="Times between visits would be here.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "visits",
            "returned_in_30_days_share",
            "returned_in_30_days_share_low",
            "returned_in_30_days_share_high",
            axis="back within 30 days",
            form=".0%",
        ),
        note="By Kaplan and Meier: who is yet to come back is counted in.",
    )


def _concentration(site: Site) -> Figure:
    rows = site.rows("customers.concentration")
    columns = (
        Column("top_cards", "Cards"),
        Column("n_cards", "How many", "count"),
        Column("n_units", "Units", "count"),
        Column("unit_share", "Share of all units", "share"),
    )
    title = "How much the best customers buy"
    bar = (
        alt.Chart()
        .mark_bar(color=charts.MARK)
        .encode(
            y=charts.names("top_cards", rows),
            x=charts.along("unit_share", "share of all units", ".0%"),
            description="tip:N",
        )
    )
    return Figure(
        title,
        rows,
        columns,
        empty="Shares of the cards that buy most would be here.",
        svg=charts.draw(rows, columns, title, [bar]),
    )


def _again(site: Site) -> Figure:
    rows = site.rows("customers.again")
    return Figure(
        "Who comes back: is it for the same product?",
        rows,
        (
            Column("dimension_value", "Earlier visits"),
            Column("n_visits", "Visits", "count"),
            Column(
                "bought_again_share",
                "Same product again",
                "share",
                ("bought_again_share_low", "bought_again_share_high"),
            ),
            Column("chance_bought_again_share", "By chance", "share"),
        ),
        empty="Products bought again would be here.",
    )


def _shared(site: Site) -> Figure:
    rows = site.rows("customers.shared")
    return Figure(
        "Cards that cannot be one person's",
        rows,
        (
            Column("why", "Evidence"),
            Column("n_cards", "Cards", "count"),
            Column("n_units", "Units", "count"),
            Column("unit_share", "Share of units", "share"),
        ),
        empty="Shared cards would be here, by the evidence.",
        note="They are left out of the figures on this page.",
    )


def _baskets(site: Site) -> Figure:
    rows = site.rows("customers.baskets")
    return Figure(
        "How much a visit takes along",
        rows,
        (
            Column("visits", "Visits"),
            Column("n_cards", "Cards", "count"),
            Column("n_visits", "Visits", "count"),
            Column(
                "avg_units", "Units a visit", "index", ("avg_units_low", "avg_units_high")
            ),
            Column(
                "single_unit_share",
                "With one unit alone",
                "share",
                ("single_unit_share_low", "single_unit_share_high"),
            ),
        ),
        empty="Sizes of visits would be here.",
        note="A visit: purchases of a card at a kiosk close together. With 95 % limits.",
    )
