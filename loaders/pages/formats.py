"""How figures are printed, the same on all pages, and read back by their test."""

from datetime import date, datetime
from typing import Any

NONE = "–"


def show(value: Any, kind: str = "text") -> str:
    """A value as people read it.

    Args:
        value: what a report holds; None is shown as a dash.
        kind: `count`, `number` (two decimals below 10, one below 100), `share` (of 1, in
            per cent), `change` (the same with its sign), `tenth`, `index` and `thousandth`
            (one, two, three decimals), `usd`, `month`, `day`, `yes` or `text`.
    """
    if value is None:
        return NONE
    if kind in _FORMATS:
        text = _FORMATS[kind].format(value)
        # A typographic minus, as wide as the plus.
        return text.replace("-", "−")
    if kind == "share":
        return _share(float(value))
    if kind == "change":
        # Nothing has no sign.
        percent = round(float(value) * 100, 1)
        return f"{percent:+,.1f} %".replace("-", "−") if percent else "0.0 %"
    if kind == "number":
        return _number(float(value)).replace("-", "−")
    if kind == "month":
        return f"{value:%b %Y}" if isinstance(value, date) else str(value)
    if kind == "yes":
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


_FORMATS = {
    "count": "{:,}",
    "index": "{:,.2f}",
    "tenth": "{:,.1f}",
    "thousandth": "{:,.3f}",
    "usd": "{:,.0f} USD",
}


def _share(share: float) -> str:
    """Per cent; what is not nothing is not shown as nothing, nor as all if it is not."""
    if 0 < share < 0.0005:
        return f"{share:.2%}".replace("%", " %") if share >= 0.00005 else "< 0.01 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %"


def _number(value: float) -> str:
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:,.1f}"
    # Three digits, however small.
    return f"{value:,.2f}" if size >= 0.1 else f"{value:.2g}"
