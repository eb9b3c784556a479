"""Dirty files: the loader lands each as the strict reader reads it, or says why not."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from loaders.config.paths import Paths
from loaders.landing.database import Warehouse, open_landing
from tests.dirty.corpus import KINDS, MAX_RECORD_BYTES, Case, corpus
from tests.dirty.laws import DirtyLab, check
from tests.dirty.others import READERS, is_silently_corrupt
from tests.faults import FAULTS

SEED = 1
COVERED = [
    *(f"text.{name}" for name in FAULTS["text"]),
    *(f"archive.{name}" for name in FAULTS["archive"]),
    *("delivery.cut_mid_row", "delivery.empty", "delivery.duplicates"),
    *("hostile.slow_patterns", "hostile.sql"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirtyLab]:
    folder = tmp_path_factory.mktemp("dirty")
    paths = Paths(folder / "data", folder / "inbox")
    with (
        open_landing(paths.landing) as landing,
        pytest.MonkeyPatch.context() as patch,
    ):
        landing.execute("set threads = 1")
        # Small, so that small files have records beyond it.
        patch.setattr("loaders.files.csv_limits.MAX_RECORD_BYTES", MAX_RECORD_BYTES)
        yield DirtyLab(Warehouse(landing, paths), folder)


def failures(lab: DirtyLab, cases: list[Case]) -> list[str]:
    """What went wrong, by the case that it went wrong with."""
    found = []
    for number, case in enumerate(cases):
        try:
            check(lab, case)
        except Exception as error:
            found.append(f"{number} {case.kind} ({case.detail}): {error!r}"[:1500])
    return found


@pytest.mark.fault("archive.unsupported", "archive.overlap")
@pytest.mark.fault("text.late_type_change", "text.exact_text")
def test_a_slice_of_every_kind_of_dirty_file(lab: DirtyLab) -> None:
    cases = list(corpus(n_each=2, n_combined=80, seed=SEED))
    assert {case.kind for case in cases} >= set(KINDS)
    assert {fault for case in cases for fault in case.faults} == set(COVERED)
    assert failures(lab, cases) == []


@pytest.mark.full
def test_no_dirty_file_is_silently_corrupted(
    lab: DirtyLab, report: Callable[[str, str], None], tmp_path: Path
) -> None:
    cases = list(corpus(n_each=25, n_combined=300, seed=SEED))
    assert len(cases) >= 2000
    heading = "Dirty files: silently corrupted, by reader"
    kinds = list(dict.fromkeys(case.kind for case in cases))
    totals = Counter[str]()
    wrong: list[str] = []
    report(heading, f"| fault | files | eventmart | {' | '.join(READERS)} |")
    report(heading, "| --- |" + " ---: |" * (len(READERS) + 2))
    for kind in kinds:
        these = [case for case in cases if case.kind == kind]
        wrong_here = failures(lab, these)
        wrong += wrong_here
        counts = {"eventmart": len(wrong_here)}
        for name, read in READERS.items():
            counts[name] = sum(is_silently_corrupt(read, case, tmp_path) for case in these)
        totals.update(counts)
        report(heading, line_of(kind, len(these), counts))
    report(heading, line_of("all", len(cases), totals))
    assert wrong == []


def line_of(kind: str, n_files: int, counts: Mapping[str, int]) -> str:
    return f"| {kind} | {n_files:,} | {' | '.join(map(str, counts.values()))} |"
