"""How far the data can be trusted, as the published file itself says."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from loaders.insights.published_report import read_report
from loaders.terminal import table


class Trust(NamedTuple):
    """A row of reports.rpt_trust, as far as a person wants it at a glance."""

    feed: str
    freshness: str
    reference_at: datetime
    last_as_of_at: datetime | None
    days_since_last_as_of: float | None
    median_days_between: float | None
    n_silent_days: int | None
    silence_probability: float | None
    rejected_share: float | None
    set_aside_share: float | None
    uncertain_time_share: float | None
    without_point_share: float | None
    without_neighborhood_share: float | None
    withdrawn_share: float | None
    n_open_held: int
    n_failed_since: int


_HEADER = (
    "feed",
    "freshness",
    "as of",
    "days ago",
    "every",
    "silent days",
    "rejected",
    "set aside",
    "time?",
    "point?",
    "place?",
    "withdrawn",
    "held",
    "failed",
)


def read_trust(file: Path) -> list[Trust]:
    """How far each feed can be trusted; nothing if the file is older than that report."""
    return read_report(file, "rpt_trust", Trust, order="feed")


def trust_lines(trusts: list[Trust]) -> list[str]:
    """A table of them, for the terminal."""
    align = ("left", "left", *["right"] * (len(_HEADER) - 2))
    title = f"trust, as of {trusts[0].reference_at:%Y-%m-%d %H:%M}:"
    return [title, *table(_HEADER, map(_cells, trusts), align).splitlines()]


def _cells(trust: Trust) -> tuple[str, ...]:
    silence = _number(trust.n_silent_days)
    if trust.silence_probability is not None and trust.freshness == "silent":
        silence += f" (p {trust.silence_probability:.0e})"
    return (
        trust.feed,
        trust.freshness,
        f"{trust.last_as_of_at:%Y-%m-%d}" if trust.last_as_of_at else "-",
        _number(trust.days_since_last_as_of),
        _number(trust.median_days_between),
        silence,
        *map(
            _percent,
            (
                trust.rejected_share,
                trust.set_aside_share,
                trust.uncertain_time_share,
                trust.without_point_share,
                trust.without_neighborhood_share,
                trust.withdrawn_share,
            ),
        ),
        str(trust.n_open_held),
        str(trust.n_failed_since),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
