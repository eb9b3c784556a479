"""A warehouse with one feed, and short ways to land in it and to look into it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from click.testing import Result

from loaders.config.feeds import RESERVED, Feed
from loaders.landing.chain import check
from loaders.landing.database import Warehouse
from loaders.landing.land import land_file
from loaders.landing.ledger import STANDS, Entry
from loaders.landing.schema import create_tables

Run = Callable[..., Result]
AUDIT_COLUMNS = {"_row_hash", "_copy", "_extra", "_delivery_seq", "_change_seq", "_line"}


def short(value: object) -> str:
    """The name of a parameter, where its text would be too long a one."""
    return repr(value)[:30]


def make_feed(**settings: Any) -> Feed:
    """A feed `things` of the columns a, b, c; an increment unless told otherwise.

    Its windows and lists may withdraw all that there was: most are a few rows long.
    """
    defaults = {
        "name": "things",
        "description": "Things of no importance.",
        "mode": "increment",
        "max_withdrawn_share": 1,
        "as_of": {"file_name": r"(\d{4}-\d{2}-\d{2})", "arrival": True},
        "layouts": [{"name": "only", "has": ["a"]}],
        "columns": {"a": {"required": True}, "b": {}, "c": {}},
    }
    if settings.get("mode") == "window":
        defaults["window"] = {"column": "b", "days": 30}
        defaults["as_of"] = {**defaults["as_of"], "formats": ["%Y-%m-%d"]}
    return Feed.model_validate(defaults | settings)


class Lab:
    """A warehouse with one feed, and short ways to land in it and to look into it."""

    def __init__(self, warehouse: Warehouse, feed: Feed, files: Path) -> None:
        self.warehouse, self.feed, self.files = warehouse, feed, files
        create_tables(self.landing, {feed.name: feed})

    @property
    def landing(self) -> duckdb.DuckDBPyConnection:
        return self.warehouse.landing

    def file(self, data: bytes | str, name: str = "things.csv") -> Path:
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def land(
        self, data: bytes | str, name: str = "things.csv", as_of: str | None = None
    ) -> Entry:
        """Land one file of one delivery."""
        given = datetime.fromisoformat(as_of) if as_of else None
        (entry,) = land_file(self.warehouse, self.feed, self.file(data, name), given)
        return entry

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.landing.execute(query, list(values)).fetchall()

    def rows(self, order: str = "_delivery_seq, _line") -> list[tuple[Any, ...]]:
        """The feed's own columns of all raw rows."""
        columns = ", ".join(f'"{name}"' for name in self.feed.columns)
        return self.all(f"select {columns} from raw.{self.feed.name} order by {order}")

    def ledger(self) -> list[tuple[Any, ...]]:
        return self.all("from raw.deliveries order by delivery_seq")

    def reset(self) -> None:
        """Empty the warehouse."""
        for table in (self.feed.name, *RESERVED):
            if table not in ("open_rejects", "rows_by_delivery", "format", "withdrawals"):
                self.landing.execute(f"delete from raw.{table}")

    def counts(self) -> tuple[int, ...]:
        """Rows of every raw table but the ledger and the stamps."""
        return tuple(
            self.all(f"select count(*) from raw.{table}")[0][0]
            for table in (self.feed.name, "presence", "rejects")
        )

    def present(self) -> dict[int, Counter[tuple[Any, ...]]]:
        """P(k) of each landed delivery, by running sum of presence, as a bag of rows."""
        columns = ", ".join(f'"{name}"' for name in self.feed.columns)
        rows = {
            (key, copy): tuple(values)
            for key, copy, *values in self.all(
                f"select _row_hash, _copy, {columns} from raw.{self.feed.name}"
            )
        }
        changes: dict[int, Counter[tuple[Any, int]]] = defaultdict(Counter)
        for seq, key, copy, change in self.all(
            "select _delivery_seq, _row_hash, _copy, change from raw.presence "
            "where feed = ? and _change_seq > 0",
            self.feed.name,
        ):
            changes[seq][key, copy] += 1 if change == "+" else -1
        if self.feed.mode == "increment":
            # Of what they bring first, raw rows say so themselves.
            for seq, key, copy in self.all(
                f"select _delivery_seq, _row_hash, _copy from raw.{self.feed.name}"
            ):
                changes[seq][key, copy] += 1
        found = {}
        sums: dict[Any, Counter[tuple[Any, int]]] = defaultdict(Counter)
        for seq, *chain in self.all(
            "select delivery_seq, series, covers_from, covers_to from raw.deliveries "
            f"where feed = ? and {STANDS} order by as_of, delivery_seq",
            self.feed.name,
        ):
            before = sums[tuple(chain)] if self.feed.mode != "increment" else Counter()
            now = Counter(before)
            now.update(changes[seq])
            assert set(now.values()) <= {0, 1}, "a row came twice, or went unseen"
            sums[tuple(chain)] = now
            found[seq] = Counter(rows[row] for row, n in now.items() if n)
        return found

    def check_laws(self) -> None:
        """Both conservation laws, of every landed delivery, and the ledger's chain."""
        check(self.landing)
        present = self.present()
        for seq, records, new, known, rejected, blank in self.all(
            "select delivery_seq, n_records, n_new, n_known, n_rejected, n_blank "
            f"from raw.deliveries where {STANDS}"
        ):
            assert records == new + known + rejected + blank
            assert present[seq].total() == new + known
            assert self.all(
                "select count(*) from raw.rejects where delivery_seq = ?", seq
            ) == [(rejected,)]
