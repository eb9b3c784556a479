"""Small deliveries of events that are known, in the ways that files really come.

Each event has a name that no other has, in a column that its fact keeps. What a delivery
holds is drawn at random, and so is what is wrong with it; which rows are sound is known.
"""

import csv
import gzip
import io
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from demo import accidents, service_requests

DENVER, PACIFIC = ZoneInfo("America/Denver"), ZoneInfo("America/Los_Angeles")
TODAY = datetime(2024, 6, 20)
Row = dict[str, str]
Write = Callable[[datetime], str]

AMERICAN: Write = lambda at: at.strftime("%m/%d/%Y %I:%M:%S %p")  # noqa: E731
ISO: Write = lambda at: at.strftime("%Y-%m-%d %H:%M:%S")  # noqa: E731


def _instant(at: datetime) -> datetime:
    return at.replace(tzinfo=DENVER).astimezone(UTC)


def milliseconds(at: datetime) -> str:
    return str(round(_instant(at).timestamp() * 1000))


# Of exports of later years; they give the instant.
ODD: tuple[Write, ...] = (
    lambda at: _instant(at).strftime("%Y/%m/%d %H:%M:%S+00"),
    lambda at: _instant(at).strftime("%Y-%m-%dT%H:%M:%SZ"),
    lambda at: _instant(at).strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
)


@dataclass(frozen=True)
class Event:
    """An event of a city: its number, and when it was."""

    number: int
    at: datetime

    @property
    def incident(self) -> str:
        return str(2_024_000_000 + self.number)


@dataclass
class Delivery:
    """One file: what it holds of whom, and what must become of it.

    Attributes:
        sound: how many rows it has of each event, by name, that can be read.
        damaged: how many rows it has of which nothing can be known.
        must_be_held: whether so much of it is damaged that nothing may land.
        as_of: what it speaks for, if that is stated: a part does not say.
        renamed: the event, by name, that it has under the id of another.
    """

    feed: str
    path: Path
    sound: Counter[str] = field(default_factory=Counter)
    damaged: int = 0
    must_be_held: bool = False
    as_of: str | None = None
    renamed: str | None = None


def events_of(rng: random.Random, days: int, n: int) -> list[Event]:
    """Events of the last days, at different minutes, in order."""
    minutes = sorted(rng.sample(range(days * 1440), n))
    start = TODAY - timedelta(days=days)
    return [Event(i, start + timedelta(minutes=minute)) for i, minute in enumerate(minutes)]


# ---------------------------------------------------------------- files


def write(path: Path, header: list[str], rows: list[Row], rng: random.Random) -> Path:
    """Write rows in some encoding, with some line ends, packed in some way or not."""
    text = io.StringIO()
    newline, quoting = (
        rng.choice(["\n", "\r\n"]),
        rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    writer = csv.writer(text, lineterminator=newline, quoting=quoting)
    writer.writerows([header, *([row.get(name, "") for name in header] for row in rows)])
    data = text.getvalue().encode(rng.choice(["utf-8", "utf-8-sig"]))
    suffix = rng.choice(["", "", ".gz", ".zip"])
    path = (
        path.with_name(path.name + suffix) if suffix != ".zip" else path.with_suffix(suffix)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".gz":
        path.write_bytes(gzip.compress(data, mtime=0))
    elif suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("file.csv", data)
            archive.writestr("__MACOSX/._file.csv", b"\0\5\x16\7")
    else:
        path.write_bytes(data)
    return path


# ---------------------------------------------------------------- requests

_NAMES = list(service_requests.COLUMNS)
_LAYOUTS: list[Callable[[str], str]] = [
    str,
    lambda name: name.upper().replace(" ", "_"),
    lambda name: name.replace(" ", "_"),
]


def request_name(event: Event) -> str:
    return f"Request {event.number} – it’s there"


def request_row(event: Event, as_of: datetime, spell: Write, is_newest: bool) -> Row:
    """A request as a delivery has it; the newest layout tells no type."""
    closed = event.at + timedelta(days=event.number % 40)
    row = {
        "Case Summary": request_name(event),
        "Case Status": "New",
        "Case Source": "Phone",
        "Case Created dttm": spell(event.at),
        "Incident Address 1": f"{event.number} N OAK ST",
        "Agency": ["Finance", "311", "Public Works"][event.number % 3],
        "Longitude": "0",
        "Latitude": "0",
        "Type": "" if is_newest else "Request",
        "OBJECTID": str(event.number * 7 % 1000),
    }
    if event.number % 4 and closed <= as_of:
        row |= {"Case Status": "Closed - Other", "Case Closed dttm": spell(closed)}
    return row


def requests(
    folder: Path, rng: random.Random, kinds: list[str], times: tuple[Write, ...]
) -> list[Delivery]:
    """Deliveries of requests, one of each kind, ten days apart."""
    events, found = events_of(rng, 400, 150), []
    for number, kind in enumerate(kinds):
        as_of = TODAY - timedelta(days=10 * (len(kinds) - 1 - number))
        held = [e for e in events if as_of - timedelta(days=366) < e.at <= as_of]
        held = part_of(held, kind, rng)
        spell, layout = rng.choice(times), rng.choice(_LAYOUTS)
        is_newest = spell in (milliseconds, *ODD)
        names = ["OBJECTID"] * is_newest + _NAMES
        rows = [
            {layout(n): v for n, v in request_row(e, as_of, spell, is_newest).items()}
            for e in held
        ]
        delivery = Delivery("service_requests", folder / f"requests_{number}.csv")
        delivery.as_of = None if kind in PARTS else as_of.isoformat()
        damage(rows, [layout("Case Created dttm")], ["not known"], kind, rng)
        _account(delivery, [request_name(e) for e in held], rows)
        delivery.path = write(delivery.path, [layout(n) for n in names], rows, rng)
        found.append(delivery)
    return found


# ---------------------------------------------------------------- accidents


def accident_row(event: Event, spell: Write) -> Row:
    return {
        "INCIDENT_ID": event.incident + ".0" * (event.number % 2),
        "OFFENSE_ID": f"{event.incident}544100",
        "OFFENSE_CODE": "5441",
        "OFFENSE_CODE_EXTENSION": "0",
        "FIRST_OCCURRENCE_DATE": spell(event.at),
        "REPORTED_DATE": spell(event.at),
        "GEO_LON": f"{-104.9 + event.number / 1e4:.6f}",
        "GEO_LAT": "39.7",
        "NEIGHBORHOOD_ID": "cbd",
    }


def accidents_of(
    folder: Path, rng: random.Random, kinds: list[str], times: tuple[Write, ...]
) -> list[Delivery]:
    """Deliveries of accidents, one of each kind, ten days apart."""
    events, found = events_of(rng, 900, 150), []
    heads = [accidents.VINTAGES[0].header, accidents.LAST.header, accidents.NEWEST.header]
    for number, kind in enumerate(kinds):
        as_of = TODAY - timedelta(days=10 * (len(kinds) - 1 - number))
        held = part_of([e for e in events if e.at <= as_of], kind, rng)
        header, spell = list(rng.choice(heads)), rng.choice(times)
        rows = [accident_row(event, spell) for event in held]
        delivery = Delivery("accidents", folder / f"accidents_{number}.csv")
        if kind == "conflict":
            # The last one came under the id of the one before it, for the time being.
            rows[-1]["OFFENSE_ID"] = rows[-2]["OFFENSE_ID"]
            delivery.renamed = held[-1].incident
        delivery.as_of = None if kind in PARTS else as_of.isoformat()
        damage(rows, ["OFFENSE_ID"], DAMAGED_IDS, kind, rng)
        _account(delivery, [event.incident for event in held], rows)
        upper = {name.upper(): name for name in header}
        rows = [{upper[name]: value for name, value in row.items()} for row in rows]
        delivery.path = write(delivery.path, header, rows, rng)
        found.append(delivery)
    return found


# ---------------------------------------------------------------- purchases


def purchases(folder: Path, rng: random.Random, kinds: list[str]) -> list[Delivery]:
    """Increments of purchases that overlap, one of each kind."""
    events, found = events_of(rng, 90, 120), []
    size = len(events) // len(kinds)
    for number, kind in enumerate(kinds):
        first = max(0, number * size - rng.choice([0, 0, 7]))
        held = part_of(events[first : (number + 1) * size], kind, rng)
        # Two rows alike are two units.
        held = [e for e in held for _ in range(2 if e.number % 10 == 0 else 1)]
        rows = [
            {
                "kiosk_id": str(100 + e.number % 7),
                "product_id": str(4000 + e.number),
                "card_hash": f"card{e.number % 5}/+=",
                "date_time": e.at.replace(tzinfo=PACIFIC).isoformat(" ")[:-3],
                "fc_number": f"{e.number % 9}.0",
            }
            for e in held
        ]
        names = [row["product_id"] for row in rows]
        header = rng.sample(list(rows[0]), len(rows[0]))
        columns = ["kiosk_id", "product_id", "card_hash"]
        delivery = Delivery("purchases", folder / f"purchases_{number}.csv")
        damage(rows, columns, DAMAGED_IDS, kind, rng)
        _account(delivery, names, rows)
        delivery.path = write(delivery.path, header, rows, rng)
        found.append(delivery)
    return found


# ---------------------------------------------------------------- what is wrong

PARTS = ("half", "filtered", "archive")
DAMAGED_IDS = ["2.01310E+15", "2,0E+15", "4.06E+03", "#######", "#N/A", "#REF!", "0", "-"]


def part_of(events: list[Event], kind: str, rng: random.Random) -> list[Event]:
    """What a delivery of a kind holds of the events that a whole one would."""
    middle = len(events) // 2
    match kind:
        case "half":
            return rng.choice([events[:middle], events[middle:]])
        case "filtered":
            return [event for event in events if event.number % 3 == 0]
        case "archive":
            archived = [event for event in events if event.at.year == TODAY.year - 1]
            return archived or events
    return events


def damage(
    rows: list[Row], columns: list[str], values: list[str], kind: str, rng: random.Random
) -> None:
    """Damage a column of one row in fifty, or of three in ten."""
    every = {"few damaged": 0.02, "many damaged": 0.3}.get(kind, 0.0)
    column = rng.choice(columns)
    for row in rng.sample(rows, int(every * len(rows))):
        row[column] = rng.choice(values)
        row["is_damaged"] = "yes"


def _account(delivery: Delivery, names: list[str], rows: list[Row]) -> None:
    """Count the sound and the damaged rows."""
    for name, row in zip(names, rows, strict=True):
        if row.pop("is_damaged", None):
            delivery.damaged += 1
        else:
            delivery.sound[name] += 1
    delivery.must_be_held = delivery.damaged > 0.05 * len(rows)
