"""The makers of faults: what they break, and what they leave alone."""

import json
from pathlib import Path

import pytest

from tests.mutants.__main__ import id_of, read_results, report, wilson
from tests.mutants.mutators import CYCLE, Mutant, draw, python_changes, sql_changes

MODEL = """\
with counted as (
    select
        kiosk_id,
        -- of 7 days: sum(x) <= 1
        coalesce(n_sold, 0) as n_sold,
        row_number() over (partition by kiosk_id, day order by sold_at desc) as place
    from {{ ref('sales') }}
    left join days on sales.day = days.day
    where n_sold is distinct from null and not is_test
)

select * from counted
order by kiosk_id
"""


def _mutants(text: str, changes) -> dict[str, set[str]]:
    """What became of the lines, by kind of fault."""
    found: dict[str, set[str]] = {}
    for change in changes(text):
        found.setdefault(change.kind, set()).add(Mutant("", "", change, text).after)
    return found


def test_each_kind_of_fault_is_made_in_sql():
    over = "row_number() over (partition by kiosk_id, day order by sold_at desc) as place"
    assert _mutants(MODEL, sql_changes) == {
        "comparison": {"left join days on sales.day <> days.day"},
        "join": {"inner join days on sales.day = days.day"},
        "constant": {"coalesce(n_sold, 1) as n_sold,"},
        "coalesce": {"(n_sold) as n_sold,"},
        "partition": {over.replace(", day", "")},
        # The order of the rows of a table is none: the last line stays.
        "order": {over.replace(" desc", "")},
        "predicate": {
            "where true",
            "where n_sold is distinct from null",
            "where n_sold is distinct from null and is_test",
        },
    }


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("if a < b: pass", "if a <= b: pass"),
        ("if key in found: pass", "if key not in found: pass"),
        ("x = [a for a in b if a]", "x = [a for a in b if True]"),
        ("x = a and b", "x = a"),
        ("x = a or b", "x = a"),
        ("x = sorted(a)", "x = list(a)"),
        ("x = 'ä' + text.strip()", "x = 'ä' + text"),
        ("file.flush()", "..."),
        ('x = "select a from b where c"', 'x = "select a from b where true"'),
    ],
)
def test_each_kind_of_fault_is_made_in_python(text, after):
    assert any(after in found for found in _mutants(text, python_changes).values())


def test_the_same_seed_draws_the_same_and_layers_take_turns(tmp_path: Path):
    for layer in CYCLE:
        folder = tmp_path / ("loaders" if layer == "loader" else f"models/{layer}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "one.sql").write_text(MODEL)
        (folder / "one.py").write_text("x = 1 < 2\nif x: print(3 + 4)\n")
    drawn = [id_of(mutant) for mutant in draw(tmp_path, 1)]
    assert drawn == [id_of(mutant) for mutant in draw(tmp_path, 1)]
    assert drawn != [id_of(mutant) for mutant in draw(tmp_path, 2)]
    assert sorted(drawn) == sorted(id_of(mutant) for mutant in draw(tmp_path, 2))
    layers = [name.split("/")[1].split(":")[0] for name in drawn[:5]]
    assert layers == ["staging", "intermediate", "statistics", "marts", "reports"]


def test_wilson_intervals_are_the_printed_ones():
    # Newcombe 1998, table I.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_the_report_counts_mutants_once_and_names_survivors(tmp_path, monkeypatch):
    def tried(id_: str, noticed_by: str, layer: str = "marts") -> dict:
        change = {"before": f"a{id_}", "after": f"b{id_}", "kind": "join", "line": 3}
        return {
            "id": id_,
            "layer": layer,
            "file": "m.sql",
            "noticed_by": noticed_by,
        } | change

    results = [
        *(tried(id_, "a test") for id_ in "12"),
        *(tried("3", noticed_by) for noticed_by in ("", "a new test")),
        tried("4", ""),
        tried("5", ""),
        tried("6", "unreadable"),
        tried("7", "error: no space"),
    ]
    (tmp_path / "results").write_text("\n".join(map(json.dumps, results)))
    known = {("m.sql", "a5", "b5"): "The same."}
    monkeypatch.setattr("tests.mutants.__main__.read_equivalent", lambda: known)
    lines = report(read_results(tmp_path / "results"))
    for layer in ("marts", "all"):
        assert f"| {layer} | 4 | 1 | 2 (50%; 15% to 85%) | 3 (75%) |" in lines
    listed = lines[lines.index("Not noticed:") :]
    assert [line for line in listed if line.startswith("  ")] == [
        "  `a4` became `b4`",
        "  `a5` became `b5`. The same.",
    ]
