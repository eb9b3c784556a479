"""What passes between the steps of landing stands in signatures, not in known names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LOADERS = Path(__file__).parents[2] / "loaders"
MODULES = sorted(
    path for folder in ("landing", "new_feed") for path in (LOADERS / folder).rglob("*.py")
)
# Of the temporary tables that pass between modules, how the names begin, by the module
# that makes them and hands them out as relations.
OWNERS = {
    "parsed": "landing/parsed_delivery.py",
    "cached": "landing/line_cache.py",
    "neighbor": "landing/checks/neighbors.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(LOADERS).as_posix()


def texts(path: Path) -> Iterator[str]:
    """The strings of a module but for its docstrings, each part of an f-string alone."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def made(path: Path) -> set[str]:
    """The temporary tables and views that a module makes by their whole names."""
    pattern = r"temporary (?:table|view) (\w+) as"
    return {name for text in texts(path) for name in re.findall(pattern, text)}


TABLES = {name: name_of(path) for path in MODULES for name in made(path)}


def test_the_scan_finds_the_tables_of_each_owner() -> None:
    for prefix, owner in OWNERS.items():
        assert [t for t, of in TABLES.items() if t.startswith(prefix) and of == owner]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_names_a_temporary_table_of_another(path: Path) -> None:
    others = [name for name, owner in TABLES.items() if owner != name_of(path)]
    others += [rf"{one}_\w+" for one, owner in OWNERS.items() if owner != name_of(path)]
    named = re.compile(rf"\b({'|'.join(others)})\b")
    # What somebody else's table is called may be a column or a word here: only behind
    # these words it is a relation.
    relation = re.compile(rf"\b(from|join|using|table|into)\s+({'|'.join(others)})\b")
    for text in texts(path):
        assert not relation.search(text), text
        assert not named.fullmatch(text), text


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_a_step_of_landing_returns_cannot_be_changed(path: Path) -> None:
    """The ledger's entry is made of frozen parts: nobody fills it in on the way."""
    if path.parent.name == "new_feed":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            for decorator in map(ast.unparse, node.decorator_list):
                assert not decorator.startswith("dataclass") or "frozen=True" in decorator
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for part in (part for target in targets for part in ast.walk(target)):
                if isinstance(part, ast.Attribute):
                    assert ast.unparse(part.value) == "self", ast.unparse(node)
        elif isinstance(node, ast.Call):
            assert ast.unparse(node.func).split(".")[-1] not in ("setattr", "__setattr__")
