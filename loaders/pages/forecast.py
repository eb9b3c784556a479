"""How many accidents in the next 14 days, and is that worth anything?"""

from collections.abc import Iterator

import altair as alt

from loaders.pages import charts
from loaders.pages.figures import Column, Figure
from loaders.pages.site import Sheet, Site


def fill(site: Site) -> Iterator[Sheet]:
    """The forecast of accidents."""
    figures = [_city(site), _skill(site), _neighborhoods(site)]
    yield Sheet("forecast.html", "page.html", {"figures": figures})


def _city(site: Site) -> Figure:
    rows = site.rows("forecast.city")
    columns = (
        Column("forecast_date", "Day", "day"),
        Column("estimate_kind", "Kind"),
        Column("n_reported", "Reported so far", "count"),
        Column("reported_share", "Of all that will be", "share"),
        Column("expected_accidents", "Expected", "number", ("low_80", "high_80")),
        Column("baseline_mean", "Mean day", "number"),
    )
    title = "Accidents a day in the whole city, with the limits of 80 % of such days"
    base = alt.Chart().encode(x=charts.days("forecast_date", "%-d %b"))
    unit = "accidents a day"
    layers = [
        base.mark_area(fill=charts.BAND, line=False, aria=False).encode(
            y=charts.amount("low_80", unit, ",~f"), y2="high_80:Q"
        ),
        base.mark_line(stroke=charts.SECOND, strokeDash=[5, 3], aria=False).encode(
            y=charts.amount("baseline_mean", unit, ",~f")
        ),
        base.mark_line(
            stroke=charts.MARK,
            strokeWidth=2,
            aria=False,
        ).encode(y=charts.amount("expected_accidents", unit, ",~f")),
        base.mark_circle(color=charts.MARK, size=60, opacity=1).encode(
            y=charts.amount("expected_accidents", unit, ",~f"), description="tip:N"
        ),
    ]
    return Figure(
        title,
        rows,
        columns,
        empty="The next 14 days would be here, once a year of accidents has landed.",
        svg=charts.draw(rows, columns, title, layers, height=230),
        note="The 14 days after the last whole day. Dashed: the mean day. Days of "
        "which some accidents are yet to be reported are estimates too, and never"
        " taken as quiet.",
        uses=("now",),
    )


def _skill(site: Site) -> Figure:
    rows = site.rows("forecast.skill")
    columns = (
        Column("compared", "Compared with"),
        Column("skill", "Skill", "change", ("skill_low", "skill_high")),
        Column("verdict", "So it is"),
        Column("n_days", "Days tested", "count"),
        Column("in_interval_share", "Days within 80 % limits", "share"),
    )
    title = "Is it worth anything? Skill against simpler forecasts"
    return Figure(
        title,
        rows,
        columns,
        empty="The skill on days that were not learnt from would be here.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "compared",
            "skill",
            "skill_low",
            "skill_high",
            axis="deviance saved",
            form="+.0%",
            reference=0,
            zero=False,
        ),
        note="Days 1 to 7. Right of the dashed line it is better than the simpler one. A "
        "forecast can hardly know more than the mean of the neighborhood itself.",
    )


def _neighborhoods(site: Site) -> Figure:
    rows = site.rows("forecast.neighborhoods")
    return Figure(
        "The 14 days by neighborhood",
        rows,
        (
            Column("neighborhood_name", "Neighborhood", link="file"),
            Column("by_day", "By day", "spark"),
            Column("expected_accidents", "Expected", "number", bar=True),
            Column("usual_accidents", "14 mean days", "number"),
            Column("measured_coverage", "Tested days within 80 % limits", "share"),
            Column("skill", "Skill", "change", ("skill_low", "skill_high")),
            Column("verdict_text", "Against its own mean"),
        ),
        empty="Neighborhoods would be here, if no small count of theirs is hidden.",
        uses=("place",),
        is_wide=True,
    )
