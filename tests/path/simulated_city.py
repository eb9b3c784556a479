"""A city whose every request is known: what it files, changes, withdraws and brings back.

Its deliveries are windows of 366 days, every six days at an odd hour. What each of them
must hold is decided here from the life of each request, and from nothing else.
"""

import csv
import io
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from demo.service_requests import COLUMNS

WINDOW = timedelta(days=366)
FIRST = datetime(2015, 3, 1, 14, 30)
EVERY = timedelta(days=6)
FORM = "%m/%d/%Y %I:%M:%S %p"
# All requests of this day are withdrawn at once.
LOST_DAY, LOST_AT = date(2015, 1, 20), datetime(2015, 4, 2)


@dataclass
class Request:
    """What happens to a request: status and close from when on, and when it was away."""

    name: str
    created_at: datetime
    said: list[tuple[datetime, str, datetime | None]]
    n_rows: int = 1
    away: list[tuple[datetime, datetime]] = field(default_factory=list)

    def row(self, as_of: datetime) -> tuple[str, ...] | None:
        """The row that a delivery has of it; None if it lacks it."""
        if not as_of - WINDOW < self.created_at <= as_of or self.is_withdrawn(as_of):
            return None
        status, closed_at = next(
            (status, closed) for at, status, closed in reversed(self.said) if at <= as_of
        )
        values = {
            "Case Summary": self.name,
            "Case Status": status,
            "Case Source": "Phone",
            "Case Created dttm": self.created_at.strftime(FORM),
            "Case Created Date": self.created_at.strftime("%m/%d/%Y"),
            "Case Closed dttm": closed_at.strftime(FORM) if closed_at else "",
            "Case Closed Date": closed_at.strftime("%m/%d/%Y") if closed_at else "",
            "Agency": "Finance",
            "Type": "Request",
            "Neighborhood": "CBD",
        }
        return tuple(values.get(name, "") for name in COLUMNS)

    def is_withdrawn(self, as_of: datetime) -> bool:
        return any(since <= as_of < until for since, until in self.away)

    def departure(self, as_of: datetime) -> str:
        """Why a delivery lacks what the one before it had."""
        return "withdrawn" if self.is_withdrawn(as_of) else "aged_out"


class City:
    """The requests of a city, and the deliveries made of them."""

    def __init__(self, n_deliveries: int, per_day: float, seed: int) -> None:
        self.as_ofs = [FIRST + n * EVERY for n in range(n_deliveries)]
        rng = random.Random(seed)
        self.requests = []
        day = FIRST - WINDOW - timedelta(days=3)
        while day < self.as_ofs[-1]:
            for _ in range(int(per_day) + (rng.random() < per_day % 1)):
                moment = day + timedelta(minutes=rng.randrange(1440))
                name = f"Request {len(self.requests)}"
                self.requests.append(self._life(Request(name, moment, []), rng))
            day += timedelta(days=1)

    @staticmethod
    def _life(request: Request, rng: random.Random) -> Request:
        created = request.created_at
        request.said = [(created, "New", None)]
        if rng.random() < 0.8:
            closed = created + timedelta(days=rng.expovariate(1 / 20))
            closed = closed.replace(microsecond=0)
            request.said.append((closed, "Closed - Answer Provided", closed))
            if rng.random() < 0.1:
                reopened = closed + timedelta(days=20)
                request.said.append((reopened, "In Progress", None))
                if rng.random() < 0.5:
                    again = reopened + timedelta(days=15)
                    request.said.append((again, "Closed - Answer Provided", again))
        if rng.random() < 0.02:
            request.n_rows = 2
        elif created.date() == LOST_DAY:
            request.away = [(LOST_AT, datetime.max)]
        elif rng.random() < 0.12:
            # Never on the last days in the window: that could not be told from aging out.
            since = created + timedelta(days=rng.randrange(10, 300))
            until = since + timedelta(days=40) if rng.random() < 0.4 else datetime.max
            request.away = [(since, until)]
        return request

    def file(self, as_of: datetime) -> bytes:
        """A delivery, as the city's file."""
        rows = [row for r in self.requests for row in [r.row(as_of)] * r.n_rows if row]
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows([COLUMNS, *rows])
        return text.getvalue().encode()

    def write(self, folder: Path) -> list[tuple[Path, str]]:
        """All deliveries, with their as-of, in order."""
        folder.mkdir(parents=True)
        found = []
        for as_of in self.as_ofs:
            path = folder / f"requests_{as_of:%Y-%m-%d}.csv"
            path.write_bytes(self.file(as_of))
            found.append((path, as_of.isoformat()))
        return found

    def departures(self) -> Counter[tuple[str, str, datetime]]:
        """Request, kind and first delivery without it, of all that ever left."""
        return Counter(
            (r.name, r.departure(now), now)
            for r in self.requests
            for before, now in pairwise(self.as_ofs)
            for _ in range(r.n_rows)
            if r.row(before) and not r.row(now)
        )

    def returns(self) -> Counter[tuple[str, datetime]]:
        """Request and first delivery that had it again, of all that came back."""
        found: Counter[tuple[str, datetime]] = Counter()
        for r in self.requests:
            held = [as_of for as_of in self.as_ofs if r.row(as_of)]
            for before, now in pairwise(held):
                if now - before > EVERY:
                    found[r.name, now] += r.n_rows
        return found

    def versions(self) -> Counter[str]:
        """Of each request how many different things were said of it, one row at a time."""
        found: Counter[str] = Counter()
        for r in self.requests:
            rows = [r.row(as_of) for as_of in self.as_ofs]
            changes = sum(b is not None and a != b for a, b in pairwise([None, *rows]))
            if r.n_rows == 1 and changes:
                found[r.name] = changes
        return found

    def states(self) -> Counter[tuple[str, str]]:
        """Of each request that was ever delivered how it stands at the end."""
        last = self.as_ofs[-1]
        found: Counter[tuple[str, str]] = Counter()
        for r in self.requests:
            held = [as_of for as_of in self.as_ofs if r.row(as_of)]
            if held:
                gone_at = min([a for a in self.as_ofs if a > held[-1]], default=last)
                state = "current" if held[-1] == last else r.departure(gone_at)
                found[r.name, state] = r.n_rows
        return found

    def followed(self) -> Counter[tuple[date, bool]]:
        """Of requests that a delivery followed after a close: month, and if reopened."""
        found: Counter[tuple[date, bool]] = Counter()
        states = self.states()
        for r in self.requests:
            rows = [row for as_of in self.as_ofs if (row := r.row(as_of))]
            said = [row[COLUMNS.index("Case Status")].startswith("Closed") for row in rows]
            # Neither what is withdrawn counts, nor what cannot be told apart.
            is_counted = r.n_rows == 1 and (r.name, "withdrawn") not in states
            if is_counted and True in said[:-1]:
                reopened = False in said[said.index(True) :]
                found[r.created_at.date().replace(day=1), reopened] += 1
        return found
