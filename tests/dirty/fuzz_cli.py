"""Call the command line with odd words: `python -m tests.dirty.fuzz_cli`.

Whatever is asked of it, a command must end in time, with an exit code that is documented
and a message without a stack or what a terminal would obey; the ledger only grows.
Settings, events and addresses of networks are made up, too. Builds are not started, and
nothing is written into the checkout.
"""

import ipaddress
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import yaml
from click.testing import CliRunner

from loaders.cli.main import main as eventmart
from loaders.errors import UsageError
from loaders.landing.database import open_landing
from loaders.landing.s3_events import objects_of
from loaders.sources.http import is_private
from tests.dirty.tries import fuzz

EXIT_CODES = {0, 1, 2, 3, 4, 5}
PATIENCE = 60
DATES = [
    *("2024-05-31", "2016-09-25", "0001-01-01", "0003-01-01", "9999-12-31", "1899-12-31"),
    *("2024-02-30", "2024-05-31T25:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"),
    *("2024-05-31 14:30", "20240531", "2024-W22-5", "²024-01-01", "now", "-1", "1e9"),
]
NUMBERS = [
    *("0", "1", "2", "-1", "-5", "²", "1e3", "0x10", "nan", "inf", "-inf", "1_000", "٣"),
    *("9223372036854775807", "9223372036854775808", "9" * 30, "9" * 5000, "1.5", "1e400"),
]
TEXTS = [
    *(
        "",
        " ",
        "x",
        "things",
        "others",
        "'; drop table x",
        '"',
        "%s",
        "{0}",
        "*",
        "[",
        "**",
    ),
    *("\x1b[31m", "\u202e", "\udce9", "ü" * 200, "x" * 5000, "a\nb", "-", "--", "~", "."),
    *("../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/", "\U0001f600"),
    *("00000000-0000-0000-0000-000000000000", "{file}", "{file}", "{folder}", "{pipe}"),
    *("http://127.0.0.1:9/x", "http://[::1", "s3://", "s3://b", "file:///etc/passwd"),
    *("https://u:p@h/", "http://\u2100/", "http://例え.invalid/x", "http://127.0.0.1:x/"),
]
COMMANDS = {
    "land": ["--as-of", "--covers", "--wait"],
    "diff": ["--as-of", "--covers", "--wait"],
    "accept": ["--by", "--why"],
    "replay": ["--delivery"],
    "rejects": ["--feed", "--delivery", "--limit", "--export", "--sheet"],
    "status": [],
    "trace": [],
    "published": ["--repair"],
    "rollback": [],
    "init": ["--wait"],
    "publish": ["--run-results"],
    "feed": [],
    "--feeds": [],
    "watch": ["--every"],
    "demo": ["--scale", "--seed"],
    "as-of": [],
}
KINDS = {
    **dict.fromkeys(("--as-of", "--covers"), DATES),
    **dict.fromkeys(("--wait", "--delivery", "--limit", "--scale", "--seed"), NUMBERS),
    "--every": [*NUMBERS, "0s", "5x", "99999999h", "s"],
}
# With these a command builds, watches or writes for long: only what is wrong is asked.
MEANT = {"as-of": {*DATES[:2]}, "demo": set(), "watch": set()}
VARIABLES = {
    "EVENTMART_MEMORY_LIMIT": [
        "1GB",
        "²",
        "1GB'; drop table x",
        "-1",
        "0",
        "9" * 30 + "GB",
    ],
    "EVENTMART_KEEP_DAYS": NUMBERS,
    "EVENTMART_SMALL_CELLS": NUMBERS,
    "EVENTMART_PERSONAL_COLUMNS": ["keep", "", "²", "KEEP"],
    "DBT_TARGET_PATH": ["", "/nonexistent", "\x1b"],
    "NETRC": ["/nonexistent", "/dev/null", "{file}"],
}
FEED = {
    "description": "Things of no importance.",
    "mode": "increment",
    "as_of": {"file_name": r"(\d{4}-\d{2}-\d{2})", "arrival": True},
    "layouts": [{"name": "only", "has": ["a"]}],
    "sources": ["things/*.csv"],
    "columns": {"a": {"required": True}, "b": {}, "c": {}},
}
WINDOW = FEED | {
    "mode": "window",
    "sources": ["others/*.csv"],
    "window": {"column": "b", "days": 30},
    "as_of": {**FEED["as_of"], "newest": ["b"], "formats": ["iso"]},  # type: ignore[dict-item]
}


class Home:
    """A data folder with a few deliveries in it, and files to name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.feeds = folder / "feeds.yml"
        self.feeds.write_text(yaml.safe_dump({"feeds": {"things": FEED, "others": WINDOW}}))
        for name in ("things", "others"):
            (folder / "inbox" / name).mkdir(parents=True)
        self.file = folder / "inbox/things/x.csv"
        self.file.write_text("a,b,c\n1,2024-01-05,3\n4,5\n")
        (folder / "inbox/others/2024-02-01.csv").write_text("a,b\n1,2024-01-15\n")
        os.mkfifo(folder / "pipe")
        os.environ["EVENTMART_DATA"] = str(folder / "data")
        os.environ["EVENTMART_INBOX"] = str(folder / "inbox")
        self.run(["land"])

    def run(self, words: list[str]) -> tuple[int, str, BaseException | None]:
        result = CliRunner().invoke(eventmart, ["--feeds", str(self.feeds), *words])
        return result.exit_code, result.output, result.exception

    def n_entries(self) -> int:
        with open_landing(self.folder / "data/landing.duckdb", read_only=True) as landing:
            row = landing.execute("select count(*) from raw.deliveries").fetchone()
            return int(row[0]) if row else 0

    def word(self, text: str) -> str:
        places = {"file": self.file, "folder": self.folder, "pipe": self.folder / "pipe"}
        for name, place in places.items():
            text = text.replace(f"{{{name}}}", str(place))
        return text


def made_words(rng: random.Random, home: Home) -> list[str]:
    """A command, its options and its arguments, of which most make no sense."""
    command = rng.choice([*COMMANDS])
    if command == "--feeds":
        name = rng.choice(
            ["{pipe}", "/dev/zero", "/dev/null", "{folder}", "{file}", "", "x"]
        )
        return ["--feeds", home.word(name), rng.choice(["status", "land", "init"])]
    words = [command]
    if command == "feed":
        words.append(rng.choice(["check", "new", "x"]))
        if words[-1] == "new":
            words.append("--dry-run")
    good = {
        "land": ["things", "{file}"],
        "diff": ["things", "{file}"],
        "replay": ["things"],
        "accept": ["1"],
        "published": [rng.choice(DATES)],
        "as-of": [rng.choice(DATES)],
    }.get(command, [])
    words += good if rng.random() < 0.8 else []
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        words.append(rng.choice([*TEXTS, *DATES, *NUMBERS]))
    for option in COMMANDS[command]:
        if rng.random() < 0.35:
            words.append(option)
            if option == "--repair":
                continue
            if option in ("--export", "--sheet", "--run-results"):
                words.append(rng.choice(["{folder}/out", "{folder}", "", "/nonexistent/x"]))
                continue
            for _ in range(2 if option == "--covers" else 1):
                words.append(rng.choice(KINDS.get(option, TEXTS)))
    if command in MEANT:
        words = [word for word in words if word not in MEANT[command]]
        if command in ("watch", "demo"):
            words.append("--no-such-option" if rng.random() < 0.2 else "too\tmany")
            words.append("http://[::1")
    return [home.word(word) for word in words]


@contextmanager
def variables(rng: random.Random, home: Home) -> Iterator[dict[str, str]]:
    """A few odd variables of the environment, for the length of the block."""
    odd = {
        name: home.word(rng.choice(values))
        for name, values in VARIABLES.items()
        if rng.random() < 0.1
    }
    before = {name: os.environ.get(name) for name in odd}
    os.environ.update(odd)
    try:
        yield odd
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def try_command(rng: random.Random, home: Home) -> str:
    """Run one command and check the laws; return what became of it."""
    words = made_words(rng, home)
    n_before = home.n_entries()
    with variables(rng, home) as odd:
        began = time.monotonic()
        code, output, error = home.run(words)
        taken = time.monotonic() - began
    call = f"{odd} eventmart {words}"[:400]
    assert error is None or isinstance(error, SystemExit), f"{call}: {error!r}"
    assert code in EXIT_CODES, f"{call}: exit code {code}"
    assert taken < PATIENCE, f"{call}: takes {taken:.0f} seconds"
    assert "Traceback" not in output, f"{call}: {output}"
    shown = output.replace("\n", "")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown), f"{call}: {output!r}"
    assert home.n_entries() >= n_before, f"{call}: the ledger has lost entries"
    return f"{words[0][:10]} {code}"


def made_event(rng: random.Random, depth: int = 0) -> object:
    """Something like an event of S3."""
    if depth > 12 or rng.random() < 0.2:
        odd: list[object] = [None, 5, "x", [], {}, "[" * 5000, '{"a":', True, 1.5, "\ud800"]
        return rng.choice(odd)
    inner = made_event(rng, depth + 1)
    with suppress(TypeError, ValueError, RecursionError):
        text = json.dumps(inner)
        return rng.choice(
            [
                {"Records": [inner, inner]},
                {"Records": inner},
                {"body": text},
                {"Sns": {"Message": text}},
                {"Type": "Notification", "Message": text},
                {"source": "aws.s3", "detail": inner},
                {"source": "aws.s3", "detail": {"bucket": inner, "object": {"key": "k"}}},
                {"s3": inner},
                {"s3": {"bucket": {"name": "b"}, "object": {"key": inner}}},
                {"s3": {"bucket": {"name": "b"}, "object": {"key": "k%2"}}},
            ]
        )
    return inner


def try_event(rng: random.Random) -> str:
    """Read an event: it names objects, or is refused."""
    event = made_event(rng)
    try:
        found = list(objects_of(event))
    except UsageError as error:
        said = str(error)
    else:
        assert all(uri.startswith("s3://") for uri in found), found
        return "event read"
    assert len(said) < 2000, said
    return "event refused"


def try_address(rng: random.Random) -> str:
    """What wraps a private address is private, however it is written."""
    inside = ipaddress.ip_address(
        rng.choice([f"10.{rng.randrange(256)}.1.2", "127.0.0.1", "169.254.169.254", "::1"])
    )
    number = int(inside) & 0xFFFFFFFF
    wrappings = [
        *(0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, (0x64FF9B << 96) + (1 << 80)),
        *(0xFE80 << 112, 0xFEC0 << 112, 0xFD00 << 112, 0x5F00 << 112, 0x3FFF << 112),
    ]
    wrapped = ipaddress.IPv6Address(rng.choice(wrappings) | number)
    if rng.random() < 0.2:
        wrapped = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))
    for shown in (str(wrapped), wrapped.exploded, f"{wrapped}%eth0"):
        assert is_private(shown), f"{shown} passes for public"
    return "address"


def main() -> int:
    """Fuzz until the time is over; say which calls broke a law."""

    def bark(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("hangs")

    signal.signal(signal.SIGALRM, bark)
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))

        def try_next(rng: random.Random) -> str:
            signal.alarm(2 * PATIENCE)
            kind = rng.random()
            if kind < 0.6:
                return try_command(rng, home)
            return try_event(rng) if kind < 0.8 else try_address(rng)

        try:
            return fuzz(__doc__, try_next)
        finally:
            signal.alarm(0)


if __name__ == "__main__":
    sys.exit(main())
