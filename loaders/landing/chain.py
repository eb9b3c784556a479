"""The chain of the ledger: by it a landing is known, and what was made of it.

`raw.ledger_chain` has a hash per entry, of the entry and the hash before it. The first,
number 0, is random and made with the landing. So the last one, the tip, stands for this
landing and all that has come to it. Who makes something of a landing notes its tip. If
that is not in the chain any more, it was made of another landing, or of this one before
it was put back from a copy: numbers of deliveries may mean others now.
"""

import hashlib
import json
import secrets
import sys
from collections import Counter
from itertools import pairwise
from operator import itemgetter

import duckdb

from loaders.errors import EventmartError

# What a change of settings counts again: see reread.py.
_RECOUNTED = "n_new, n_known"


def extend(landing: duckdb.DuckDBPyConnection) -> None:
    """Chain what is not yet: the last entry, or all of a landing that had no chain."""
    links = []
    end, link = _last(landing)
    if end is None or link is None:
        end, link = 0, secrets.token_hex(32)
        links.append((end, link))
    for seq, text in _entries(landing, end):
        link = _link(link, text)
        links.append((seq, link))
    if links:
        landing.execute(
            "insert into raw.ledger_chain select unnest(?), unnest(?)",
            [list(column) for column in zip(*links, strict=True)],
        )


def is_whole(landing: duckdb.DuckDBPyConnection) -> bool:
    """Whether every entry is chained: not what a version without chains has entered."""
    try:
        row = landing.execute(
            """
            select (select max(delivery_seq) from raw.ledger_chain)
                >= (select coalesce(max(delivery_seq), 0) from raw.deliveries)
            """
        ).fetchone()
    except duckdb.CatalogException:
        return False
    return bool(row and row[0])


def read_tip(landing: duckdb.DuckDBPyConnection) -> str:
    """The hash that stands for the landing and all that has come to it."""
    return str(_last(landing)[1])


def has_come_from(landing: duckdb.DuckDBPyConnection, tip: str | None) -> bool:
    """Whether a landing had this tip once, and has only grown since."""
    return bool(landing.execute("from raw.ledger_chain where hash = ?", [tip]).fetchone())


def check(landing: duckdb.DuckDBPyConnection) -> None:
    """Check that every entry is as it was entered.

    Raises:
        EventmartError: naming the first that is not.
    """
    if damage := find_damage(landing):
        raise EventmartError(damage)


def find_damage(landing: duckdb.DuckDBPyConnection) -> str | None:
    """What to say of the first entry that is not as it was entered; None if all are."""
    found = _first_damage(landing)
    return found and (
        f"the ledger was changed by another program than eventmart: {found}; nothing can "
        "be built from it; restore landing.duckdb from a backup, or move it away, and "
        "run: eventmart recover"
    )


def _first_damage(landing: duckdb.DuckDBPyConnection) -> str | None:
    chain = landing.execute(
        "select delivery_seq, hash from raw.ledger_chain order by delivery_seq"
    ).fetchall()
    entries = _entries(landing, -sys.maxsize)
    texts, counts = dict(entries), Counter(seq for seq, _ in entries)
    for (_, before), (seq, link) in pairwise(chain):
        if seq not in texts:
            return f"delivery {seq} is not in raw.deliveries any more"
        if counts[seq] > 1 or link != _link(before, texts[seq]):
            return f"delivery {seq} is not in raw.deliveries as it was entered"
    if added := sorted(set(texts) - {seq for seq, _ in chain[1:]}):
        return f"delivery {added[0]} was not entered by eventmart"
    return None


def _last(landing: duckdb.DuckDBPyConnection) -> tuple[int | None, str | None]:
    """The last entry that is chained, and its hash; nothing if the chain has not begun."""
    row = landing.execute(
        "select max(delivery_seq), max_by(hash, delivery_seq) from raw.ledger_chain"
    ).fetchone()
    return row or (None, None)


def _entries(landing: duckdb.DuckDBPyConnection, after: int) -> list[tuple[int, str]]:
    """The entries after a number, in order: their numbers, and their hashed values.

    These leave out null and 0, the values of new columns in earlier entries.
    """
    found = landing.execute(
        f"select * exclude ({_RECOUNTED}) from raw.deliveries "  # noqa: S608
        "where delivery_seq > ?",
        [after],
    )
    names = [column[0] for column in found.description or []]
    entries = []
    # Sorted here: for one entry, the database takes as long for it as for the rest.
    place = names.index("delivery_seq")
    for row in sorted(found.fetchall(), key=itemgetter(place)):
        entry = dict(zip(names, row, strict=True))
        said = {name: str(value) for name, value in entry.items() if value not in (None, 0)}
        entries.append((int(entry["delivery_seq"]), json.dumps(said, sort_keys=True)))
    return entries


def _link(before: str, text: str) -> str:
    return hashlib.sha256(f"{before}{text}".encode()).hexdigest()
