"""The secret by which personal ids become keys."""

import hashlib
import re
import stat
from pathlib import Path

import duckdb
import pytest

from loaders.config import secret
from loaders.config.feeds import load_feeds
from loaders.errors import UsageError
from loaders.landing.database import open_landing
from loaders.landing.schema import create_tables

ENV = "EVENTMART_CUSTOMER_SECRET"
FEEDS = load_feeds()


def keyed(folder: Path, text: str | None = "card") -> str | None:
    """What a text becomes in a data folder, once its tables are seen to."""
    with open_landing(folder / "landing.duckdb") as landing:
        create_tables(landing, FEEDS)
        found = landing.execute("select raw.keyed_text(?)", [text]).fetchone()
    return found[0] if found else None


def fingerprints(folder: Path) -> dict[str, str]:
    with duckdb.connect(str(folder / "landing.duckdb"), read_only=True) as landing:
        rows = landing.execute("select feed, fingerprint from raw.feed_times").fetchall()
    return dict(rows)


@pytest.mark.fault("hostile.known_ids")
def test_each_installation_has_a_secret_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENV)
    assert secret.read_secret(tmp_path) == secret.read_secret(tmp_path)
    # Whoever makes it, and whatever the umask.
    assert stat.S_IMODE((tmp_path / secret.FILE).stat().st_mode) == 0o600
    folders = [tmp_path / name for name in ("one", "other")]
    one, other = (keyed(folder) for folder in folders)
    assert one != other
    assert one == keyed(folders[0])
    for folder in folders:
        file = folder / secret.FILE
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert re.fullmatch(r"[0-9a-f]{64}\n", file.read_text())
    # It goes with its file, wherever the landing database is from.
    (folders[1] / secret.FILE).write_bytes((folders[0] / secret.FILE).read_bytes())
    assert keyed(folders[1]) == one
    # Neither without a secret nor with what landing says of it can anybody reckon it.
    assert one not in {hashlib.sha256(b"card").hexdigest(), *fingerprints(folders[0])}


def test_the_environment_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV, "a secret that's long")
    found = keyed(tmp_path)
    assert not (tmp_path / secret.FILE).exists()
    inner, outer = (
        hashlib.sha256(f"{name}\0a secret that's long".encode()).hexdigest()
        for name in ("inner", "outer")
    )
    once = hashlib.sha256(f"{inner}card".encode()).hexdigest()
    assert found == hashlib.sha256(f"{outer}{once}".encode()).hexdigest()
    assert keyed(tmp_path, None) is None
    assert keyed(tmp_path, "") != keyed(tmp_path, " ")


@pytest.mark.fault("hostile.known_ids")
def test_another_secret_is_another_reading_of_personal_columns_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, held = keyed(tmp_path), None
    held = fingerprints(tmp_path)
    monkeypatch.setenv(ENV, "another secret, as long")
    assert keyed(tmp_path) != before
    changed = {feed for feed, told in fingerprints(tmp_path).items() if told != held[feed]}
    personal = {
        feed.name
        for feed in FEEDS.values()
        if any(column.personal for column in feed.columns.values())
    }
    assert "purchases" in personal
    assert changed == personal
    # Back again, it is as it was.
    monkeypatch.undo()
    assert (keyed(tmp_path), fingerprints(tmp_path)) == (before, held)


@pytest.mark.parametrize("text", ["short", "x" * 15])
def test_what_can_be_guessed_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(ENV, text)
    with pytest.raises(UsageError, match=f"{ENV}: has {len(text)} characters") as raised:
        secret.read_secret(tmp_path)
    assert text not in str(raised.value)
    monkeypatch.setenv(ENV, "")
    (tmp_path / secret.FILE).write_text("\n")
    with pytest.raises(UsageError, match="has 0 characters"):
        secret.read_secret(tmp_path)
