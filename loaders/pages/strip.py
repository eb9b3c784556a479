"""The trust strip: in one line a feed, how far the figures of a page can be trusted."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from loaders.pages.formats import show
from loaders.pages.rows import Row, Rows

QUERY = "select * from rpt_trust order by feed"
# Column, how it is printed, words for it, and where the trust page shows the rows.
PARTS = (
    ("rejected_share", "share", "refused", "refused"),
    ("set_aside_share", "share", "set aside", "rows"),
    ("uncertain_time_share", "share", "uncertain time", "freshness"),
    ("without_point_share", "share", "without a point", "points"),
    ("without_neighborhood_share", "share", "without a neighborhood", "points"),
    ("withdrawn_share", "share", "withdrawn", "rows"),
    ("n_open_held", "count", "held", "deliveries"),
    ("n_failed_since", "count", "failed", "deliveries"),
)
# What a figure may use, and the column that says how much of the events lacks it.
_USES = {
    "time": "uncertain_time_share",
    "point": "without_point_share",
    "place": "without_neighborhood_share",
}
# From which share on a figure that uses it is marked.
_MUCH = 0.05


@dataclass(frozen=True)
class Part:
    """A shortcoming of a feed: the column with its size, words, where its rows are."""

    name: str
    kind: str
    words: str
    at: str


@dataclass(frozen=True)
class State:
    """A feed in the strip: its row in the query, and what there is to say of it."""

    at: int
    feed: str
    freshness: str
    words: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Mark:
    """Why a figure is less sure than it looks; `source` is as `data-n` in the pages."""

    text: str
    at: str
    source: str
    kind: str


@dataclass(frozen=True)
class Strip:
    """What rpt_trust says of each feed."""

    rows: Rows

    def of(self, feeds: Iterable[str]) -> list[State]:
        """The state of the feeds that a page is about, as far as they have landed."""
        found = dict(self._found(feeds))
        return [self._state(at, row) for at, row in found.items()]

    def marks(self, feeds: Iterable[str], uses: Collection[str]) -> Iterator[Mark]:
        """Why a figure of these feeds that uses this of their events is less sure."""
        words = {part[0]: part[2:] for part in PARTS}
        for at, row in self._found(feeds):
            name = _name(row["feed"])
            if "now" in uses and row["freshness"] in ("late", "silent"):
                until = show(row["last_event_date"])
                source = f"{self.rows.id}:{at}:last_event_date"
                yield Mark(f"{name.capitalize()} end {until}", "freshness", source, "text")
            for column in (_USES[use] for use in uses if use in _USES):
                if (row[column] or 0) >= _MUCH:
                    said, place = words[column]
                    share = show(row[column], "share")
                    source = f"{self.rows.id}:{at}:{column}"
                    yield Mark(f"{share} of {name} {said}", place, source, "share")

    def _found(self, feeds: Iterable[str]) -> Iterator[tuple[int, Row]]:
        for feed in feeds:
            for at, row in enumerate(self.rows):
                if row["feed"] == feed:
                    yield at, row

    def _state(self, at: int, row: Row) -> State:
        words = f"{_name(row['feed']).capitalize()}: {_FRESHNESS[row['freshness']]}"
        # What is nothing is left out, but for what tells how many lines could not be read.
        parts = tuple(
            Part(*part)
            for part in PARTS
            if row[part[0]] is not None and (row[part[0]] or part[0] == "rejected_share")
        )
        return State(at, row["feed"], row["freshness"], words, parts)


_FRESHNESS = {
    "nothing_landed": "nothing landed",
    "fresh": "fresh",
    "late": "late",
    "silent": "silent",
    "unknown": "no rhythm known yet",
}


def _name(feed: str) -> str:
    return feed.replace("_", " ")
