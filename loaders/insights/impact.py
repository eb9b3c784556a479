"""What the last deliveries moved, as the published file itself says."""

from pathlib import Path
from typing import NamedTuple

from loaders.insights.published_report import read_report


class Moved(NamedTuple):
    """A row of reports.rpt_delivery_impact."""

    figure: str
    slice_kind: str
    slice: str
    n_deliveries: int
    value_before: float | None
    value_after: float | None
    difference: float


def read_impact(file: Path) -> list[Moved]:
    """The figures of a published file that moved, what moved most first."""
    order = (
        "slice_kind not in ('all', 'vintage'), abs(difference) desc, "
        "figure, slice_kind, slice"
    )
    return read_report(file, "rpt_delivery_impact", Moved, order)


def impact_lines(moves: list[Moved]) -> list[str]:
    """The whole figures, and the three slices that moved most, for the terminal."""
    if not moves:
        return []
    whole = [move for move in moves if move.slice_kind in ("all", "vintage")]
    parts = moves[len(whole) :]
    lines = [f"moved by {moves[0].n_deliveries} deliveries:", *map(_line, whole)]
    lines += map(_line, parts[:3])
    if len(parts) > 3:
        lines.append(f"  and {len(parts) - 3} more: reports.rpt_delivery_impact")
    return lines


def _line(move: Moved) -> str:
    of = "" if move.slice_kind == "all" else f" of {move.slice_kind} {move.slice}"
    share = f" ({move.difference / move.value_before:+.1%})" if move.value_before else ""
    return (
        f"  {move.figure}{of}: {_number(move.value_before)} -> "
        f"{_number(move.value_after)}{share}"
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"
