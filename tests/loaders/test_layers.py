"""The loader's wings: imports go one way, from what people call down to what is set."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LOADERS = Path(__file__).parents[2] / "loaders"
# A wing imports from those after it alone; "" is what stands in the folder itself.
WINGS = [
    *(
        "cli",
        "new_feed",
        "insights",
        "publishing",
        "pages",
        "landing",
        "sources",
        "files",
        "config",
    ),
    "",
]

# Names by which the loader is called from elsewhere, for what stands in a wing.
ENTRIES = ["__main__.py", "events.py"]


def wing_of(module: tuple[str, ...]) -> str:
    """The wing of `loaders.<wing>.<module>`."""
    return module[1] if (LOADERS / Path(*module[1:2])).is_dir() and module[1:] else ""


def imports(file: Path) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((*node.module.split("."), name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(name.name.split(".")) for name in node.names)


def test_every_wing_is_listed() -> None:
    folders = {path.name for path in LOADERS.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(WINGS) - {""}


@pytest.mark.parametrize(
    "file",
    sorted(LOADERS.rglob("*.py")),
    ids=lambda file: "/".join(file.relative_to(LOADERS).parts),
)
def test_a_wing_imports_only_from_those_below_it(file: Path) -> None:
    if file.relative_to(LOADERS).as_posix() in ENTRIES:
        return
    own = wing_of(("loaders", *file.relative_to(LOADERS).parts))
    above = WINGS[: WINGS.index(own)]
    for module in imports(file):
        assert module[0] != "tests"
        if module[0] == "loaders":
            assert wing_of(module) not in above, f"{own or 'loaders'}: {'.'.join(module)}"
