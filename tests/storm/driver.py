"""Drive the loader through `runner.py`, and say what is in a warehouse afterwards."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import yaml

from loaders.landing.database import open_landing

ROOT = Path(__file__).parents[2]
COLUMNS = {"a": {"required": True}, "b": {}, "c": {}}
COMMON = {
    "as_of": {"file_name": r"(\d{4}-\d{2}-\d{2})", "formats": ["%Y-%m-%d"]},
    "layouts": [{"name": "only", "has": ["a"]}],
    "encodings": ["utf-8", "cp1252"],
    "columns": COLUMNS,
}
FEEDS = {
    "things": {
        "description": "Things that happened, as increments.",
        "mode": "increment",
        "sources": ["things/*"],
    }
    | COMMON,
    "views": {
        "description": "Things that stand, as whole windows.",
        "mode": "window",
        "window": {"column": "b", "days": 30},
        "sources": ["views/*"],
    }
    | COMMON,
    "lists": {
        "description": "Things there are, as whole lists without a date.",
        "mode": "snapshot",
        "sources": ["lists/*"],
    }
    | COMMON
    | {"as_of": {"arrival": True}},
}


class Storm:
    """A warm process that runs commands, each in a fork of it."""

    def __init__(self, *before: str) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.storm.runner"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, home: Path, *arguments: object, **job: Any) -> dict[str, Any]:
        """Run a command on the data folder of this home.

        See `runner.run` for what else a job may say, and for its result.
        """
        job["arguments"] = ["--feeds", str(home / "feeds.yml"), *map(str, arguments)]
        job["environment"] = {
            "EVENTMART_DATA": str(home / "data"),
            "EVENTMART_INBOX": str(home / "inbox"),
        } | job.get("environment", {})
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "unforeseen" not in answer["err"], answer["err"]
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


def write_home(home: Path, files: dict[str, bytes]) -> Path:
    """A home: its feed settings, and an inbox of these files."""
    (home / "inbox").mkdir(parents=True, exist_ok=True)
    (home / "feeds.yml").write_text(yaml.safe_dump({"feeds": FEEDS}))
    for name, data in files.items():
        path = home / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return home


def csv_of(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in ("a,b,c", *rows)).encode()


def zip_of(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.csv", data)
    return target.getvalue()


NOT_COMPARED = {"delivery_seq", "change_seq", "parent_seq", "started_at", "finished_at"}


def state(data: Path) -> dict[str, Any]:
    """What is in a warehouse, without its clock and its numbers.

    Deliveries are told by what they are, changes by their order. Of the ledger's rows
    those that landed are counted; of others it is enough that there are such: a file that
    was dealt with just before a kill may be looked at again.
    """
    with open_landing(data / "landing.duckdb", read_only=True) as landing:

        def dicts(query: str) -> list[dict[str, Any]]:
            found = landing.execute(query)
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        ledger = dicts("from raw.deliveries order by delivery_seq")
        landed = [entry for entry in ledger if entry["status"] == "landed"]
        names = {
            entry["delivery_seq"]: (entry["feed"], entry["sha256"], str(entry["as_of"]))
            for entry in landed
        }
        changes = {entry["change_seq"]: n for n, entry in enumerate(landed)}
        assert len(set(names.values())) == len(names), "a delivery has landed twice"
        assert len(changes) == len(landed)

        def told(row: dict[str, Any]) -> tuple[Any, ...]:
            for key in ("_delivery_seq", "delivery_seq"):
                if key in row:
                    row[key] = names[row[key]]
            if "_change_seq" in row:
                row["_change_seq"] = changes[row["_change_seq"]]
            return tuple(row.values())

        tables = {
            table: Counter(told(row) for row in dicts(f"from raw.{table}"))
            for table in (*FEEDS, "presence", "rejects")
        }
        stamps = Counter(
            landing.execute("select feed, uri from raw.file_stamps").fetchall()
        )

    def bare(entry: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(v for name, v in entry.items() if name not in NOT_COMPARED)

    return tables | {
        "landed": Counter(bare(entry) for entry in landed),
        "others": {bare(e) for e in ledger if e["status"] not in ("landed", "seen_again")},
        "stamps": stamps,
        "drops": {path.name for path in sorted((data / "drops").iterdir())},
    }


def check_clean(data: Path) -> None:
    """Nothing is left behind, and every kept drop is what its name says."""
    left = {path.name for path in data.iterdir()}
    assert left <= {"landing.duckdb", "drops", "build", "customer.secret"}, left
    for path in (data / "drops").iterdir():
        digest = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        assert path.name == f"{digest}.gz"


def acknowledged(out: str) -> Counter[str]:
    """Labels of the deliveries that the command line has said to have landed."""
    return Counter(line.split()[2] for line in out.splitlines() if line[:6] == "landed")


def landed_in_ledger(data: Path) -> Counter[str]:
    """The same labels of what the ledger says has landed, right after a kill."""
    if not (data / "landing.duckdb").exists():
        return Counter()
    with open_landing(data / "landing.duckdb", read_only=True) as landing:
        try:
            found = landing.execute(
                "select uri, member from raw.deliveries where status = 'landed'"
            ).fetchall()
        except duckdb.CatalogException:
            return Counter()
    return Counter(
        Path(uri).name + (f":{member}" if member else "") for uri, member in found
    )


def unshare() -> list[str]:
    """The words before a command that give it mounts of its own."""
    words = ["unshare", "--mount"]
    return words if os.geteuid() == 0 else [*words, "--map-root-user"]
