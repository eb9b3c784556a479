"""The page of docs that dbt writes, made readable for all."""

from importlib.resources import files

import pytest

from loaders.publishing import docs


@pytest.fixture(scope="module")
def page() -> bytes:
    """The page as the installed dbt writes it, without the project's data."""
    return (files("dbt.task.docs") / "index.html").read_bytes()


@pytest.mark.parametrize("change", docs._CHANGES)
def test_what_is_changed_is_in_dbts_page_once(
    page: bytes, change: tuple[bytes, bytes]
) -> None:
    before, after = change
    assert page.count(before) == 1
    assert after in docs.accessible(page)


def test_the_rest_of_the_page_stays(page: bytes) -> None:
    n_added = sum(len(after) - len(before) for before, after in docs._CHANGES)
    assert len(docs.accessible(page)) == len(page) + n_added
