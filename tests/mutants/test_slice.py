"""Ten mutants, as `make mutants` tries them."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import main


@pytest.mark.full
@pytest.mark.xdist_group("mutants")
def test_of_ten_faults_nearly_all_are_noticed(tmp_path: Path):
    results = main(
        [
            "--count",
            "10",
            "--results",
            f"{tmp_path}/results",
            "--scratch",
            f"{tmp_path}/copy",
        ]
    )
    tried = [one for one in results if one["noticed_by"] != "unreadable"]
    assert len(tried) == 10
    assert not [one for one in tried if one["noticed_by"].startswith("error")]
    # If 95 of 100 are noticed, more than two of ten are missed once in ninety draws.
    assert sum(one["noticed_by"] == "" for one in tried) <= 2
