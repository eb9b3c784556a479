"""The list of faults in docs/reliability.md is whole, and true."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.conftest import FAULTS_HEADING, ROOT, read_sections, write_sections
from tests.faults import IDS


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


def table(found: dict[str, list[str]]) -> str:
    lines = ["| fault | tests |", "| --- | --- |"]
    for fault, text in IDS.items():
        names = ", ".join(f"`{name.removeprefix('tests/')}`" for name in found[fault])
        lines.append(f"| {fault.partition('.')[0]}: {text} | {names} |")
    return "\n".join(lines)


def test_every_fault_has_a_test() -> None:
    found = marked_tests()
    assert [fault for fault in IDS if not found[fault]] == []


def test_the_list_of_faults_is_as_the_tests_are() -> None:
    assert read_sections().get(FAULTS_HEADING) == table(marked_tests()), (
        "run: python -m tests.test_faults"
    )


if __name__ == "__main__":
    write_sections({FAULTS_HEADING: table(marked_tests())})
