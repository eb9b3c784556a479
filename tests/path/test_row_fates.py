"""Which rows of increments and lists are current, against a plain reading."""

import random
from collections.abc import Sequence

import duckdb
import jinja2
import pytest

from tests.projects import ROOT

# Its identity, hash and number among equal ones.
Row = tuple[int, int, int]
VERSIONS = "identity_key, _row_hash, _copy, _delivery_seq, set_aside_reason"
PRESENCES = "_row_hash, _copy, _delivery_seq, change"
DELIVERIES = "delivery_seq, as_of, status, n_open_rejects, n_damaged_ids"


def told(
    macro: str, call: str, tables: dict[str, tuple[str, Sequence[tuple[object, ...]]]]
) -> list[tuple]:
    """What a macro says of some rows, by the relations that it reads."""
    text = (ROOT / "macros" / f"{macro}.sql").read_text()
    environment = jinja2.Environment()
    module = environment.from_string(text).make_module()
    environment.globals[macro] = getattr(module, macro)
    with duckdb.connect() as connection:
        for name, (columns, rows) in tables.items():
            values = [list(column) for column in zip(*rows, strict=True)]
            marks = ", ".join("unnest(?)" for _ in values)
            connection.execute(
                f"create table {name} as select * from (select {marks}) as t ({columns})",
                values,
            )
        return connection.execute(environment.from_string(call).render()).fetchall()


def increments(rng: random.Random, identity: int) -> dict[int, set[Row]]:
    """Deliveries by number, each with rows of one identity; some repeat earlier ones."""
    held: dict[int, set[Row]] = {}
    for seq in range(10 * identity, 10 * identity + rng.randint(1, 4)):
        n_copies = {2 * identity + n: rng.choice([0, 0, 1, 1, 2]) for n in range(2)}
        rows = {(identity, h, c + 1) for h, n in n_copies.items() for c in range(n)}
        if rows:
            held[seq] = rows
    return held


@pytest.mark.parametrize(
    ("is_identified", "are_apart"), [(True, False), (True, True), (False, False)]
)
def test_of_rows_that_differ_one_delivery_has_the_last_word(
    is_identified: bool, are_apart: bool
) -> None:
    rng = random.Random(5)
    versions, presences, deliveries = [], [], []
    truth: dict[Row, str] = {}
    for identity in range(400):
        held = increments(rng, identity)
        as_of = {seq: rng.randrange(5) for seq in held}
        first: dict[Row, int] = {}
        for seq, rows in held.items():
            presences += [(*row[1:], seq, "+") for row in rows if row in first]
            first |= {row: seq for row in rows if row not in first}
        # One whose rows others may hold, but it does not: it was withdrawn.
        gone = next((seq for seq in held if rng.random() < 0.1), None)
        standing = {seq: rows for seq, rows in held.items() if seq != gone}
        deliveries += [
            (seq, as_of[seq], "withdrawn" if seq == gone else "landed", 0, 0)
            for seq in held
        ]
        presences = [one for one in presences if one[2] != gone]
        rows = sorted(set().union(*standing.values())) if standing else []
        versions += [(*row, first[row], None) for row in rows]
        if not rows:
            continue
        if len({row[1] for row in rows}) == 1:
            latest = set(rows)
        elif is_identified:
            latest = standing[max(standing)]
        else:
            last = max(standing, key=lambda seq: (len(standing[seq]), as_of[seq], seq))
            latest = standing[last]
        for row in rows:
            beside_it = {r for r in latest if r[1] == row[1] or not are_apart}
            is_first = row == min(beside_it, default=None) or not is_identified
            beside = "superseded" if is_identified else "duplicate"
            current = "current_version" if is_first else "duplicate"
            truth[row] = current if row in latest else beside
    # Beside them rows that are set aside, each an identity of its own.
    versions += [(9000 + n, 9000 + n, 1, deliveries[0][0], "no_id") for n in range(3)]
    truth |= {(9000 + n, 9000 + n, 1): "set_aside" for n in range(3)}
    found = told(
        "increment_row_fates",
        "with fates as ({{ increment_row_fates('versions', 'presences', 'deliveries', "
        f"{str(is_identified).lower()}, are_apart={str(are_apart).lower()}) }}}}) "
        "select identity_key, _row_hash, _copy, fate from fates",
        {
            "versions": (VERSIONS, versions),
            "presences": (PRESENCES, presences),
            "deliveries": (DELIVERIES, deliveries),
        },
    )
    assert len(found) == len(truth)
    assert {tuple(row): fate for *row, fate in found} == truth


def test_a_thing_is_as_the_last_list_that_holds_it_says() -> None:
    for seed in range(15):
        rng = random.Random(seed)
        lists = [
            {
                (key, 2 * key + rng.randrange(2), rng.randint(1, 2))
                for key in range(12)
                if rng.random() < 0.7
            }
            for _ in range(rng.randint(1, 5))
        ]
        doubts = [rng.choice([(0, 0), (0, 0), (0, None), (1, 0), (0, 1)]) for _ in lists]
        # Numbers by arrival, places by as-of; of one moment the last to come is later.
        as_of = [n // 2 for n in range(len(lists))]
        rows = sorted(set().union(*lists))
        changes, before = [], set[Row]()
        for seq, now in enumerate(lists):
            changes += [(*row[1:], seq, "+") for row in now - before]
            changes += [(*row[1:], seq, "-") for row in before - now]
            before = now
        last_clean = max(
            (n for n, (r, d) in enumerate(doubts) if not r and not d), default=-1
        )
        truth = {}
        for key in {row[0] for row in rows}:
            of_key = [row for row in rows if row[0] == key]
            last = {r: max(n for n, now in enumerate(lists) if r in now) for r in of_key}
            best = min(of_key, key=lambda row: (-last[row], row))
            truth[best] = last[best] >= last_clean
        found = told(
            "listed_versions",
            "with listed as ({{ listed_versions('versions', 'presences', 'deliveries', "
            "['identity_key']) }}) "
            "select identity_key, _row_hash, _copy, is_listed from listed",
            {
                "versions": (VERSIONS, [(*row, 0, None) for row in rows]),
                "presences": (PRESENCES, changes),
                "deliveries": (
                    DELIVERIES,
                    [(n, as_of[n], "landed", *doubts[n]) for n in range(len(lists))],
                ),
            },
        )
        assert {tuple(row): is_listed for *row, is_listed in found} == truth, seed
