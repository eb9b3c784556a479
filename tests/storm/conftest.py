"""The warm process that runs the loader, and a quick disk for it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storm.driver import Storm


@pytest.fixture(scope="module")
def storm() -> Iterator[Storm]:
    storm = Storm()
    yield storm
    storm.close()


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    """A folder in memory, if there is one: a kill loses no more there than elsewhere."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
