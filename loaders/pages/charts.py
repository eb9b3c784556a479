"""Pictures of rows, as SVG for the page: Altair describes them, vl-convert draws them.

Colours are names of CSS variables, which stay in the SVG, so that a picture follows dark
mode and print. What a mark says when it is pointed at is what its row of the table says.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from loaders.pages.figures import Column
from loaders.pages.formats import show
from loaders.pages.rows import Row, Rows

MARK, SECOND, THIRD, QUIET, BAND = (
    f"var(--{name})" for name in ("mark", "mark-2", "mark-3", "quiet", "band")
)
HALF, WIDE = 520, 1090
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    # The widest of the fonts that a page may come to: there is room for all of them.
    "font": "DejaVu Sans, Verdana, sans-serif",
    "padding": {"left": 4, "top": 6, "right": 12, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "gridColor": "var(--line)",
        "domainColor": "var(--quiet)",
        "tickColor": "var(--quiet)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 240,
    },
    "title": {"color": "var(--ink)", "fontSize": 13, "anchor": "start", "offset": 8},
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--soft)",
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
        "symbolType": "square",
    },
}
# What Vega writes for hands and readers of its own, which the page has of its own.
_NEEDLESS = re.compile(
    r' role="graphics-symbol" aria-roledescription="(?:axis|legend)" aria-label="[^"]*"'
    r'| aria-roledescription="[^"]*"| pointer-events="none"| stroke-miterlimit="10"'
    r'| font-(?:family|weight)="[^"]*"| font-size="12px"| opacity="1"| stroke-width="1"'
    r'| xmlns:xlink="[^"]*"| version="1.1"'
    r'|<path class="(?:background|foreground)"[^>]*/>'
    r'|<text[^>]* opacity="0"[^>]*>[^<]*</text>'
    r'| class="mark-[^"]*"'
    r'| role="graphics-object"| aria-hidden="true"'
    r'| [xy]2="0"| transform="translate\(0,0\)"'
)
# What the style sheet says of texts and lines.
_STYLED = re.compile(
    r'(<text[^>]*) fill="var\(--soft\)"|(<line[^>]*) stroke="var\(--line\)"'
)
# A bar of nothing, and a circle in four arcs.
_FLAT = re.compile(r'<path[^>]* d="M[\d.]+,[\d.]+h[\d.]+v0h-[\d.]+Z"[^>]*/>')
_CIRCLE = re.compile(r'<path([^>]*) d="M([\d.]+),0A\2,\2,0,1,1,-\2,0A\2,\2,0,1,1,\2,0Z?"')
_GEOMETRY = re.compile(r' (?:d|transform|[xy][12]?|r|width|height)="[^"]*"')
_LONG_DECIMALS = re.compile(r"(\d+\.\d)\d+")


def tip(row: Row, columns: Iterable[Column]) -> str:
    """The text of a row: its names, and its figures with their titles and limits."""
    names, figures = [], []
    for column in columns:
        text = show(row[column.name], column.kind)
        if column.kind == "yes":
            # The name if it is true, else nothing.
            text = column.title.lower() if row[column.name] else ""
        if column.kind == "spark" or not text or row[column.name] is None:
            continue
        if column.is_text:
            names.append(text)
            continue
        if column.interval and row[column.interval[0]] is not None:
            low, high = (show(row[name], column.kind) for name in column.interval)
            text += f" ({low} to {high})"
        figures.append(f"{column.title.lower()} {text}")
    return f"{', '.join(names)}: {'; '.join(figures)}"


def draw(
    rows: Rows,
    columns: Sequence[Column],
    title: str,
    layers: Sequence[alt.Chart],
    *,
    height: int | None = None,
    width: int = HALF,
    series: dict[str, str] | None = None,
) -> Markup | None:
    """Draw layers over one another; nothing, of no rows.

    Args:
        rows: what is drawn: each row with its `tip`.
        columns: of its table.
        title: what it shows.
        layers: marks with encodings of the columns of the query.
        height: in pixels; without it, as high as its rows.
        width: in pixels.
        series: for tall rows, colours by the values of the column `series`.
    """
    if not rows:
        return None
    chart = alt.layer(
        *layers, data=alt.InlineData(values=values(rows, columns))
    ).properties(width=width, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    if height:
        chart = chart.properties(height=height)
    if series:
        colours = alt.Scale(domain=list(series), range=list(series.values()))
        chart = chart.encode(color=alt.Color("series:N", scale=colours))
    return svg_of(chart, title)


def svg_of(chart: alt.LayerChart | alt.FacetChart | alt.HConcatChart, title: str) -> Markup:
    """The picture, without what the page has of its own."""
    spec = chart.configure(**_CONFIG).to_json(indent=None, validate=False)
    svg = vl_convert.vegalite_to_svg(spec)
    svg = _STYLED.sub(r"\1\2", _NEEDLESS.sub("", svg))
    svg = _CIRCLE.sub(r'<circle\1 r="\2"', _FLAT.sub("", svg))
    svg = svg.replace(' role="graphics-symbol"', ' role="img"')
    svg = _GEOMETRY.sub(lambda found: _LONG_DECIMALS.sub(r"\1", found[0]), svg)
    label = Markup.escape(f"{title}. The table below it has the same figures.")
    # Larger texts than those around it are of no use: it need not fill its card.
    svg = re.sub(
        r' width="(\d+)"',
        lambda found: f'{found[0]} style="max-width:{int(found[1]) * 1.3:.0f}px"',
        svg,
        count=1,
    )
    # Escaped by Vega already, as all texts in it are.
    return Markup(svg.replace('class="marks"', f'role="img" aria-label="{label}"', 1))  # noqa: S704


def values(rows: Rows, columns: Sequence[Column]) -> list[Row]:
    """The rows as Vega takes them, each with its `tip`."""
    return [
        {k: _plain(v) for k, v in row.items()} | {"tip": tip(row, columns)} for row in rows
    ]


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, (bool, int, float, str, list)) or value is None:
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value)


def months(name: str, title: str = "") -> alt.X:
    """Months along the bottom."""
    axis = alt.Axis(
        format="%b %Y", labelOverlap="greedy", title=title or None, grid=False, ticks=False
    )
    return alt.X(f"{name}:T", timeUnit="utcyearmonth", axis=axis)


def days(name: str, form: str = "%b %Y") -> alt.X:
    """Days along the bottom."""
    axis = alt.Axis(format=form, labelOverlap="parity", tickCount=7, title=None, grid=False)
    return alt.X(f"{name}:T", scale=alt.Scale(type="utc"), axis=axis)


def amount(name: str, title: str, form: str = ",.0f", *, zero: bool = True) -> alt.Y:
    """Figures up the side, with their unit."""
    axis = alt.Axis(format=form, title=title, tickCount=5, domain=False, ticks=False)
    return alt.Y(f"{name}:Q", axis=axis, scale=alt.Scale(zero=zero))


def names(name: str, rows: Rows) -> alt.Y:
    """Names down the side, in the order of the rows."""
    order = [str(row[name]) for row in rows]
    axis = alt.Axis(title=None, ticks=False, domain=False, offset=4)
    return alt.Y(f"{name}:N", sort=order, axis=axis)


def along(name: str, title: str, form: str = ",.0f", **scale: Any) -> alt.X:
    """Figures along the bottom, with their unit."""
    axis = alt.Axis(format=form, title=title, tickCount=6, domain=False, ticks=False)
    if form.startswith("+"):
        # Nothing has no sign.
        axis.labelExpr = "datum.value ? datum.label : '0'"
    return alt.X(f"{name}:Q", axis=axis, scale=alt.Scale(**({"zero": True} | scale)))


def bars(
    rows: Rows,
    columns: Sequence[Column],
    title: str,
    x: alt.X,
    y: alt.Y,
    *,
    breaks: bool = False,
    **size: Any,
) -> Markup | None:
    """Bars; of months with `breaks`, those known in part are lighter, and breaks drawn."""
    bar = alt.Chart().mark_bar(binSpacing=2).encode(x=x, y=y, description="tip:N")
    layers = month_layers(bar, y) if breaks else [bar.encode(color=alt.value(MARK))]
    return draw(rows, columns, title, layers, **size)


# What is said of months, and drawn in month_layers.
BREAKS = (
    Column("n_breaks", "Codes that changed", "count"),
    Column("n_moved_later", "Added or withdrawn after the month was over", "count"),
    Column("moved_share", "Share of the month's count", "share"),
)
# Most months that deliveries give again have some row more or less: a mark of all of them
# would say nothing.
MOVED = 0.05
BREAKS_NOTE = (
    "Dashed: from that day on a code is used otherwise. Dots: months of which one event in "
    "twenty or more was added or withdrawn after they were over. The page on trust has "
    "both."
)


def month_layers(bar: alt.Chart, y: alt.Y) -> list[alt.Chart]:
    """Bars of months, a partial one lighter, with breaks and restatements on them."""
    bars = bar.transform_calculate(
        colour=f"datum.is_partial ? '{QUIET}' : '{MARK}'"
    ).encode(color=alt.Color("colour:N", scale=None))
    is_broken = "isValid(datum.break_date)"
    rules = (
        alt.Chart()
        .transform_filter(is_broken)
        .mark_rule(stroke="var(--bad)", strokeDash=[4, 3], strokeWidth=1.5, aria=False)
        .encode(x=alt.X("break_date:T", title=None))
    )
    dots = (
        alt.Chart()
        .transform_filter(f"datum.moved_share >= {MOVED}")
        .mark_circle(color=SECOND, size=26, opacity=1, aria=False, yOffset=-6)
        .encode(
            x=alt.X("month:T", timeUnit="utcyearmonth", bandPosition=0.5, title=None), y=y
        )
    )
    return [bars, rules, dots]


def intervals(
    rows: Rows,
    columns: Sequence[Column],
    title: str,
    y: str,
    value: str,
    low: str,
    high: str,
    *,
    axis: str,
    form: str = ",.0f",
    reference: float | None = None,
    beside: str | None = None,
    width: int = HALF,
    **scale: Any,
) -> Markup | None:
    """A dot with its interval for each row; `beside` is a figure that is shown hollow."""
    if all(row[value] is None for row in rows):
        return None
    x = along(value, axis, form, **scale)
    side = names(y, rows)
    base = alt.Chart().encode(y=side)
    layers = [
        base.mark_rule(stroke=MARK, strokeWidth=2.5, opacity=0.55, aria=False).encode(
            x=along(low, axis, form, **scale), x2=f"{high}:Q"
        ),
    ]
    if beside:
        layers.append(
            base.mark_point(stroke=SECOND, size=60, strokeWidth=2, aria=False).encode(
                x=along(beside, axis, form, **scale)
            )
        )
    layers.append(
        base.mark_circle(color=MARK, size=75, opacity=1).encode(x=x, description="tip:N")
    )
    if reference is not None:
        line = alt.Chart().mark_rule(stroke="var(--soft)", strokeDash=[4, 3], aria=False)
        layers.insert(0, line.encode(x=alt.datum(reference)))
    return draw(rows, columns, title, layers, width=width)


def multiples(rows: Rows, columns: Sequence[Column], title: str) -> Markup | None:
    """Months of each feed in a picture of its own, with an axis of its own."""
    if not rows:
        return None
    feeds = list(dict.fromkeys(row["feed"] for row in rows))
    y = amount("n_events", "events a month")
    bar = alt.Chart().mark_bar(binSpacing=1.5)
    bar = bar.encode(x=months("month"), y=y, description="tip:N")
    parts = [
        alt.layer(
            *month_layers(bar, y),
            data=alt.InlineData(
                values=[row for row in values(rows, columns) if row["feed"] == feed]
            ),
        ).properties(
            width=(WIDE - 40) // len(feeds) - 80, height=150, title=feed.capitalize()
        )
        for feed in feeds
    ]
    return svg_of(alt.hconcat(*parts, spacing=40), title)
