"""A kill while pages are published: readers see all pages of one version or another."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loaders.config.paths import Paths
from loaders.publishing.site import are_outdated
from loaders.publishing.versions import current_version
from tests.projects import ROOT, Project

pytestmark = pytest.mark.xdist_group("built")


def versions_of(paths: Paths) -> set[str]:
    """The versions that the pages state, all of which are there with what they load."""
    site = (paths.published / "site").resolve()
    files = sorted(site.rglob("*.html"))
    assert len(files) > 80
    stated = set()
    for file in files:
        text = file.read_text()
        assert text.rstrip().endswith("</html>"), file.name
        stated |= set(re.findall(r'data-about="number">(\d+)<', text))
        for name in re.findall(r'<script src="([^"]+)"', text):
            assert (file.parent / name).stat().st_size, name
    assert not are_outdated(paths, paths.target / "manifest.json")
    return stated


@pytest.mark.parametrize(
    "n_written",
    [40, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 100))],
)
def test_a_kill_while_pages_are_written_leaves_those_before(
    built: Project, tmp_path: Path, n_written: int
) -> None:
    paths = Paths(tmp_path / "data", built.paths.inbox)
    shutil.copytree(built.paths.data, paths.data, symlinks=True)
    # What readers open is a version's file, not a copy of it.
    served = paths.published / "eventmart.duckdb"
    served.unlink()
    served.hardlink_to((paths.published / "site").resolve().parent / served.name)
    before = current_version(paths)
    assert before
    assert versions_of(paths) == {str(before.number)}
    call = "from loaders.cli.main import main; main()"
    command = [sys.executable, "-c", call, "publish"]
    results = paths.target / "run_results.json"
    # Another line between small cells and others is another version.
    environment = os.environ | {
        "EVENTMART_DATA": str(paths.data),
        "EVENTMART_SMALL_CELLS": "6",
    }
    process = subprocess.Popen(
        [*command, "--run-results", str(results)], cwd=ROOT, env=environment
    )
    partial = paths.published / "versions" / f".{before.number + 1}.partial" / "site"
    deadline = time.monotonic() + 120
    while len(list(partial.rglob("*.*"))) < n_written and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the kill came too late"
    assert versions_of(paths) == {str(before.number)}
    subprocess.run(
        [*command, "--run-results", str(results)], cwd=ROOT, env=environment, check=True
    )
    after = current_version(paths)
    assert after
    assert after.number == before.number + 1
    assert versions_of(paths) == {str(after.number)}
