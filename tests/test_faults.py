"""The list of faults in docs/reliability.md is whole, and true."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import FAULTS_HEADING, ROOT, read_sections, write_sections
from tests.faults import IDS, THREATS

SECURITY = ROOT / "SECURITY.md"


def marked_tests() -> dict[str, list[str]]:
    """The tests marked with each fault, by reading the test files."""
    found = defaultdict(list)
    for file in sorted(Path(__file__).parent.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if (
                    isinstance(mark, ast.Call)
                    and ast.unparse(mark.func) == "pytest.mark.fault"
                ):
                    for fault in mark.args:
                        assert isinstance(fault, ast.Constant), node.name
                        found[fault.value].append(f"{file.relative_to(ROOT)}::{node.name}")
    return found


def table(
    found: dict[str, list[str]], of: Iterable[str] = IDS, called: str = "fault"
) -> str:
    lines = [f"| {called} | tests |", "| --- | --- |"]
    for fault in of:
        names = ", ".join(f"`{name.removeprefix('tests/')}`" for name in found[fault])
        lines.append(f"| {fault.partition('.')[0]}: {IDS[fault]} | {names} |")
    return "\n".join(lines)


def threats(found: dict[str, list[str]]) -> str:
    """The table of SECURITY.md."""
    chosen = [one for one in IDS if {one, one.partition(".")[0]} & {*THREATS}]
    return table(found, chosen, "threat")


def test_every_fault_has_a_test() -> None:
    found = marked_tests()
    assert [fault for fault in IDS if not found[fault]] == []


def test_the_list_of_faults_is_as_the_tests_are() -> None:
    assert read_sections().get(FAULTS_HEADING) == table(marked_tests()), (
        "run: python -m tests.test_faults"
    )


def test_every_threat_is_a_fault() -> None:
    assert {*THREATS} <= {*IDS, *(fault.partition(".")[0] for fault in IDS)}


def test_the_table_of_threats_is_as_the_tests_are() -> None:
    assert SECURITY.read_text().endswith(f"\n\n{threats(marked_tests())}\n"), (
        "run: python -m tests.test_faults"
    )


if __name__ == "__main__":
    text = SECURITY.read_text().partition("\n| threat |")[0].rstrip("\n")
    SECURITY.write_text(f"{text}\n\n{threats(marked_tests())}\n")
    write_sections({FAULTS_HEADING: table(marked_tests())})
