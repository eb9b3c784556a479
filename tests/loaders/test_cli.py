"""The command line: exit codes, one clear message, and a ledger that says the same."""

import csv
import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import duckdb
import pytest
import yaml

from loaders.cli.main import main
from loaders.config.feeds import FEEDS_FILE
from loaders.config.paths import Paths
from loaders.errors import told
from loaders.insights.set_aside import SetAside
from loaders.landing.database import open_landing
from loaders.terminal import printable
from tests.conftest import ROOT
from tests.lab import Run

HEADER = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
GOOD = HEADER + "1,2,c,2017-12-06 22:06:36-08,20\n3,4,d,2017-12-07 00:00:00-08,21\n"
PRODUCTS = "product_id,product_name\n1,Mints\n2,Nuts\n3,Chips\n4,Gum\n"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def ledger(paths: Paths) -> list[Any]:
    with open_landing(paths.landing, read_only=True) as landing:
        return landing.execute(
            "select status from raw.deliveries order by delivery_seq"
        ).fetchall()


def n_rows(paths: Paths, table: str) -> int:
    with open_landing(paths.landing, read_only=True) as landing:
        found = landing.execute(f"select count(*) from raw.{table}").fetchone()
    assert found
    return int(found[0])


# ---------------------------------------------------------------- odd places

COMMANDS = (
    *("status", "land", "init", "build", "publish", "answers", "recover", "rejects"),
    *("replay", "rollback", "watch", "published 2024-01-01", "as-of 2024-01-01"),
    *("feed check products x.csv", "diff products x.csv", "accept 1 --by a --why b"),
)


@pytest.mark.fault("operator.odd_folder")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["file", "file/data", "/dev/null/data"])
def test_a_data_folder_that_can_be_none_is_said_by_every_command(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    place: str,
) -> None:
    write(tmp_path / "file", "x")
    monkeypatch.setenv("EVENTMART_DATA", str(tmp_path / place))
    result = run(*command.split(), code=2)
    assert f"{tmp_path / place}: cannot be the data folder: " in result.output
    assert "is no folder; set EVENTMART_DATA to a folder of yours" in result.output
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.fault("operator.odd_folder")
@pytest.mark.parametrize("there", ["data", "data/below/it"])
def test_a_data_folder_of_somebody_else_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("EVENTMART_DATA", str(tmp_path / there))
    # As it is for whoever is not root, to whom the folder gives no right.
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "data")
    result = run("status", code=2)
    assert f"{tmp_path / 'data'} is not yours to use; set EVENTMART_DATA" in result.output


@pytest.mark.fault("operator.odd_folder")
@pytest.mark.parametrize("command", ["land", "init", "status"])
def test_a_data_folder_of_something_else_is_said_and_left_alone(
    run: Run, paths: Paths, command: str
) -> None:
    paths.data.mkdir(parents=True, exist_ok=True)
    paths.landing.write_text("not a database, but of the same name")
    (paths.inbox / "products").mkdir(parents=True)
    write(paths.inbox / "products" / "p.csv", "product_id,product_name\n1,Cola\n")
    result = run(command, code=1)
    assert f"{paths.landing}: cannot be opened: " in result.output
    assert "if it is none of eventmart's, set EVENTMART_DATA" in result.output
    assert paths.landing.read_text() == "not a database, but of the same name"


def test_an_inbox_without_a_file_of_any_feed_is_said(run: Run, paths: Paths) -> None:
    paths.inbox.mkdir(parents=True, exist_ok=True)
    output = run("land", code=2).output
    assert f"{paths.inbox}: has no file of purchases, products, service_req" in output


@pytest.mark.fault("operator.odd_folder")
def test_a_folder_of_blanks_and_accents_is_as_good_as_any(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "Der Eingang, größer"
    (inbox / "products").mkdir(parents=True)
    write(inbox / "products" / "p.csv", "product_id,product_name\n1,Cola\n")
    monkeypatch.setenv("EVENTMART_DATA", str(tmp_path / "Meine Datén 'x'; \"y\" 100%"))
    monkeypatch.setenv("EVENTMART_INBOX", str(inbox))
    run("land")
    assert "products" in run("status").output


@pytest.mark.fault("operator.odd_folder")
@pytest.mark.parametrize(
    ("number", "step"),
    [
        (errno.EACCES, "the permission"),
        (errno.EPERM, "the permission"),
        (errno.EROFS, "can only be read"),
        (errno.EEXIST, "move it away"),
        (errno.ENOTDIR, "a file stands where a folder should"),
    ],
)
def test_what_a_disk_refuses_is_said_with_what_to_do(number: int, step: str) -> None:
    said = told(OSError(number, os.strerror(number), "/some/where"))
    assert said.startswith(f"/some/where: {os.strerror(number)}; ")
    assert step in said
    assert told(OSError("odd")) == "odd"
    assert told(OSError(errno.EIO, "broken", b"/x")) == "/x: broken"


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["as-of", "x"], "Invalid value for 'DAY': 'x' does not match the format"),
        (["withdraw", "9" * 19, "--by", "a", "--why", "b"], "is larger than any number"),
        (["demo", "--seed", "9" * 19], "is larger than any number here"),
        (["rejects", "--delivery", "0"], "0 is not in the range x>=1."),
    ],
)
def test_what_no_argument_can_be_is_said_in_its_own_words(
    run: Run, arguments: list[str], message: str
) -> None:
    assert message in run(*arguments, code=2).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["land", "purchases", "gone.csv"], "error: gone.csv: no such file"),
        (["land", "purchases", "gone*.csv"], "error: gone*.csv: matches no file"),
        (["land", "purchases", "folder"], "error: folder: no file here matches *.csv"),
        (["land", "purchases", "/dev/null"], "error: /dev/null: is not a regular file"),
        (["land", "purchase", "x.csv"], "error: no feed 'purchase'; there are: purchases,"),
        (["land", "purchases"], "inbox: is no folder; name files, or set EVENTMART_INBOX"),
        (["land", "--as-of", "2024-01-01"], "error: --as-of needs the SOURCEs"),
        (["--feeds", "gone.yml", "land"], "error: gone.yml: cannot be read: No such file"),
        (["--feeds", "bad.yml", "land"], "error: bad.yml: feed 'x' is not valid: "),
        (["accept", "1", "--by", "a", "--why", "b"], "error: delivery 1 is not held"),
        (["withdraw", "1", "--by", "a", "--why", "b"], "error: there is no delivery 1"),
        (["trace", "nonsense"], "error: 'nonsense' is not a key"),
        (["trace", str(UUID(int=1))], "nothing is published yet"),
        (["rollback"], "there is no earlier version"),
    ],
)
def test_a_wrong_call_is_one_message_and_leaves_no_row(
    run: Run, paths: Paths, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "readme.txt", "x")
    write(tmp_path / "bad.yml", "feeds: {x: {mode: y}}")
    result = run(*arguments, code=2)
    assert message in result.output
    assert len(result.output.splitlines()) == 1
    if paths.landing.exists():
        assert ledger(paths) == []


@pytest.mark.parametrize("command", ["accept", "withdraw"])
@pytest.mark.parametrize("word", ["", " ", "\t\n", "\u3000", "\udcff"])
@pytest.mark.parametrize("option", ["--by", "--why"])
@pytest.mark.fault("hostile.command_line")
def test_a_word_that_says_nothing_is_none(
    run: Run, paths: Paths, command: str, option: str, word: str
) -> None:
    words = {"--by": "ann", "--why": "slip"} | {option: word}
    given = [text for pair in words.items() for text in pair]
    assert f"'{option}': " in run(command, "1", *given, code=2).output
    assert not paths.landing.exists()


@pytest.mark.parametrize("command", [["status"], ["rejects"]])
def test_reading_before_the_first_landing_says_so(run: Run, command: list[str]) -> None:
    assert "nothing has landed yet" in run(*command, code=2).output


@pytest.mark.parametrize(
    ("name", "data", "code", "status", "message"),
    [
        (
            "x.csv",
            "kiosk_id\n1\n",
            3,
            "held",
            "required_column_missing: the header has no column",
        ),
        ("x.csv", GOOD + "1,2", 3, "held", "cut_mid_record: the last of its 3 records"),
        ("x.zip", b"PK\x03\x04 junk", 4, "failed", "archive_broken: x.zip: "),
        ("x.zip", "no zip", 4, "failed", "archive_broken: x.zip: "),
        ("x.csv", '"', 4, "failed", "header_unreadable: line 1 is not a CSV header"),
        ("x.csv", HEADER + "1,2,c,never,\n", 4, "failed", "no_as_of: no as-of: none was"),
    ],
)
def test_a_bad_delivery_is_one_message_and_one_ledger_row(
    run: Run,
    paths: Paths,
    tmp_path: Path,
    name: str,
    data: str | bytes,
    code: int,
    status: str,
    message: str,
) -> None:
    write(tmp_path / name, data)
    result = run("land", "purchases", name, code=code)
    assert message in result.output
    assert result.output.startswith(f"{status} ")
    assert len(result.output.splitlines()) == 1
    assert ledger(paths) == [(status,)]
    assert n_rows(paths, "purchases") == n_rows(paths, "presence") == 0


def test_a_bad_delivery_does_not_keep_the_good_ones_out(run: Run, paths: Paths) -> None:
    write(paths.inbox / "purchases" / "1.csv", "a,b\n1,2\n")
    write(paths.inbox / "purchases" / "2.csv", GOOD)
    write(paths.inbox / "purchases" / "3.zip", "no zip")
    write(paths.inbox / "products" / "2024-01-01.csv", PRODUCTS)
    run("land", code=4)
    assert ledger(paths) == [("held",), ("landed",), ("failed",), ("landed",)]


@pytest.mark.fault("hostile.terminal")
def test_what_a_terminal_obeys_is_not_printed(run: Run, tmp_path: Path) -> None:
    evil = "\x1b[31mred\x07\u202e"
    write(
        tmp_path / f"{evil}.csv", HEADER + f"1,2,{evil}\n{evil},,,2017-12-06 00:00:00+00,\n"
    )
    write(tmp_path / f"{evil}.zip", "no zip")
    write(tmp_path / "held.csv", f"{evil},b\n1,2\n")
    outputs = [
        run("land", "purchases", f"{evil}.csv").output,
        run("land", "purchases", f"{evil}.zip", code=4).output,
        run("land", "purchases", "held.csv", code=3).output,
        run("land", "purchases", f"{evil}.gone", code=2).output,
        run("status").output,
        run("rejects").output,
    ]
    for output in outputs:
        assert all(char.isprintable() for char in output.replace("\n", "")), output
    assert "\\x1b[31mred\\x07\\u202e" in outputs[0]


@pytest.mark.fault("hostile.terminal")
def test_a_name_cannot_add_a_line(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "x\nlanded everything.csv", GOOD + "1,2\n")
    run("land", "purchases", "x\nlanded everything.csv")
    lines = run("rejects").output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("purchases x\\nlanded everything.csv (delivery 1) line 4")


@pytest.mark.fault("process.unwritable")
@pytest.mark.parametrize(
    ("name", "source"), [("drops", "x.csv"), ("spool", "x.csv"), ("fetched", "-")]
)
def test_a_place_that_cannot_be_written_to_is_said_and_lands_nothing(
    run: Run, paths: Paths, tmp_path: Path, name: str, source: str
) -> None:
    # Only sources that are no files are fetched, such as standard input.
    write(tmp_path / "x.csv", GOOD)
    run("init")
    write(paths.data / name, "a file")
    assert str(paths.data / name) in run("land", "purchases", source, code=1).output
    assert ledger(paths) == []
    (paths.data / name).unlink()
    assert run("land", "purchases", "x.csv").output.startswith("landed ")


@pytest.mark.fault("process.unwritable")
@pytest.mark.parametrize(
    ("number", "step"),
    [
        (errno.EROFS, "its disk can only be read: choose another place"),
        (errno.EACCES, "give the user who runs eventmart the permission"),
    ],
)
def test_a_warehouse_that_may_not_be_written_to_is_not_taken_for_damaged(
    run: Run,
    paths: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    step: str,
) -> None:
    write(tmp_path / "x.csv", GOOD)
    run("land", "purchases", "x.csv")
    why = os.strerror(number)

    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException(f'IO Error: Cannot open file "{paths.landing}": {why}')

    # Nothing is forbidden to root, and a disk to be read only is not given to all.
    monkeypatch.setattr("duckdb.connect", refuse)
    for command in (("land", "purchases", "x.csv"), ("status",)):
        said = run(*command, code=1).output
        assert said == f"error: {paths.landing}: {why}; {step}\n"


@pytest.mark.fault("process.unwritable")
def test_a_file_that_may_not_be_read_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "x.csv", GOOD)
    # Nothing is forbidden to root.
    honest = os.access
    monkeypatch.setattr("os.access", lambda path, mode: path != file and honest(path, mode))
    output = run("land", "purchases", "x.csv", code=2).output
    assert output == f"error: {file}: no permission to read it\n"


@pytest.mark.fault("process.unwritable")
def test_folders_may_be_called_anything(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = Paths(tmp_path / "my 'dätä' %20#;", tmp_path / "in [x] ü")
    monkeypatch.setenv("EVENTMART_DATA", str(strange.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(strange.inbox))
    write(strange.inbox / "purchases" / "x.csv", GOOD + "1,2\n")
    assert run("land").output.startswith("landed ")
    assert run("land").output.startswith("unchanged   1 ")
    assert "1 rejected record, " in run("rejects").output


@pytest.mark.fault("hostile.terminal")
def test_printable_leaves_honest_text_alone() -> None:
    assert printable("naïve “x” 日本 \\n") == "naïve “x” 日本 \\n"
    assert printable("a\nb\x9b\u2066") == "a\\nb\\x9b\\u2066"


# ---------------------------------------------------------------- landing


def test_init_makes_an_empty_table_per_feed(run: Run, paths: Paths) -> None:
    run("init")
    run("init")
    for table in ("purchases", "neighborhoods", "deliveries", "presence", "rejects"):
        assert n_rows(paths, table) == 0


def test_a_result_is_one_line_with_its_counts(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", GOOD + "\n1,2\n" + GOOD.splitlines()[1] + "\n")
    output = run("land", "purchases", "x.csv").output
    assert output.split("  ")[-2:] == [
        "as of 2017-12-07",
        "5 records = 3 new + 0 known + 1 rejected + 1 blank; rejected: 1 for "
        "too_few_fields, such as line 5: 2 fields, the header has 5; list them with: "
        "eventmart rejects --feed purchases\n",
    ]
    assert output.startswith("landed      purchases         x.csv")
    again = run("land", "purchases", "x.csv").output
    assert again.startswith("seen_again  purchases         x.csv")
    assert again.endswith("(as delivery 1)\n")


@pytest.mark.fault("hostile.glob")
def test_sources_are_files_globs_and_folders(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    for number in "123":
        write(
            tmp_path / "in" / f"q[{number}].csv",
            HEADER + f"{number},2,c,2017-12-06 00:00:00+00,\n",
        )
    write(tmp_path / "in" / "q1.csv", HEADER + "9,2,c,2017-12-06 00:00:00+00,\n")
    write(tmp_path / "in" / "notes.txt", "x")
    (tmp_path / "in" / "folder.csv").mkdir()
    assert "q[1].csv" in run("land", "purchases", "in/q[1].csv").output
    assert "q1.csv" in run("land", "purchases", tmp_path / "in" / "q[0-9].csv").output
    output = run("land", "purchases", "in").output
    assert [line.split()[0] for line in output.splitlines()] == [
        "seen_again",
        "seen_again",
        "landed",
        "landed",
    ]
    with open_landing(paths.landing) as landing:
        uris = landing.execute("select distinct uri from raw.deliveries").fetchall()
    assert all(Path(uri).parent == tmp_path / "in" for (uri,) in uris)


def test_a_date_can_be_given(run: Run, paths: Paths, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", HEADER + "1,2,c,never,\n")
    assert (
        "as of 2017-01-02"
        in run("land", "purchases", "x.csv", "--as-of", "2017-01-02").output
    )


def test_an_inbox_is_read_once_and_again_where_touched(run: Run, paths: Paths) -> None:
    files = [
        write(paths.inbox / "purchases" / "x.csv", GOOD),
        write(paths.inbox / "purchases" / "y.csv.gz", gzip.compress(GOOD.encode())),
        write(paths.inbox / "products" / "2024-01-01.csv", PRODUCTS),
    ]
    write(paths.inbox / "purchases" / "notes.txt", "x")
    run("land")
    before = ledger(paths)
    assert before == [("landed",), ("seen_again",), ("landed",)]
    said = run("land").output.splitlines()
    assert said[0].startswith("not taken   1 file: purchases/notes.txt: ")
    assert said[1:] == ["unchanged   3 files that were already processed"]
    assert ledger(paths) == before
    os.utime(files[0])
    output = run("land").output
    assert "\nseen_again  purchases" in output
    assert "unchanged   2 files" in output
    assert ledger(paths) == [*before, ("seen_again",)]
    assert n_rows(paths, "file_stamps") == 3
    stat = files[2].stat()
    files[2].write_text(PRODUCTS.replace("Mints", "Mince"))
    os.utime(files[2], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run("land", "products").output.startswith("landed ")


def test_a_refused_file_is_still_refused_and_enters_the_ledger_once(
    run: Run, paths: Paths
) -> None:
    file = write(paths.inbox / "purchases" / "x.csv", GOOD + "1,2")
    write(paths.inbox / "purchases" / "y.csv", GOOD)
    write(paths.inbox / "purchases" / "z.zip", "no zip")
    assert run("land", code=4).output.startswith("held ")
    again = run("land", code=4).output
    assert "still held        purchases         x.csv  delivery 1: cut_mid" in again
    assert "still failed      purchases         z.zip  delivery 3: archive" in again
    assert ledger(paths) == [("held",), ("landed",), ("failed",)]
    write(paths.inbox / "purchases" / "z.zip", "no zip, again")
    assert "\nfailed " in run("land", code=4).output
    run("accept", "1", "--by", "ann", "--why", "two lines will do")
    (paths.inbox / "purchases" / "z.zip").unlink()
    assert run("land").output.startswith("seen_again")
    assert "unchanged   2 files" in run("land").output
    write(file, GOOD + "5,6,c,2017-12-08 00:00:00-08,20\n")
    assert run("land").output.startswith("landed ")


def test_a_refused_file_is_tried_again_when_it_may_be_judged_otherwise(
    run: Run, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(paths.inbox / "purchases" / "x.csv", "kiosk,other\n1,2\n")
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    ours = str(write(tmp_path / "feeds.yml", yaml.safe_dump(settings)))
    run("--feeds", ours, "land", "purchases", code=3)
    assert run("--feeds", ours, "land", "purchases", code=3).output.startswith("still")
    columns = settings["feeds"]["purchases"]["columns"]
    columns["kiosk_id"]["aliases"] = ["kiosk"]
    write(tmp_path / "feeds.yml", yaml.safe_dump(settings))
    assert run("--feeds", ours, "land", "purchases", code=3).output.startswith("held ")
    monkeypatch.setattr("loaders.landing.ingest.__version__", "9.9.9")
    assert run("--feeds", ours, "land", "purchases", code=3).output.startswith("held ")
    assert run("--feeds", ours, "land", "purchases", code=3).output.startswith("still")
    assert ledger(paths) == [("held",)] * 3


def test_a_warehouse_of_an_earlier_version_is_not_written_to(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    write(tmp_path / "x.csv", GOOD)
    run("land", "purchases", "x.csv")
    with open_landing(paths.landing) as landing:
        landing.execute("drop table raw.format")
    output = run("land", "purchases", "x.csv", code=2).output
    assert "is of an earlier version" in output
    assert "land the deliveries again" in output
    assert ledger(paths) == [("landed",)]


def test_accepting_lands_and_says_so(run: Run, paths: Paths, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", GOOD + "1,2")
    run("land", "purchases", "x.csv", code=3)
    assert "held 1: purchases" in run("status").output
    assert "Missing option" in run("accept", "1", "--by", "ann", code=2).output
    output = run("accept", "1", "--by", "ann", "--why", "it is whole").output
    assert output.startswith("landed ")
    assert "is not held" in run("accept", "1", "--by", "a", "--why", "b", code=2).output
    assert "held" not in run("status").output
    assert ledger(paths) == [("held",), ("landed",)]


def test_status_counts_by_feed_and_lists_what_is_refused(run: Run, paths: Paths) -> None:
    write(paths.inbox / "purchases" / "x.csv", GOOD + "1\n")
    write(paths.inbox / "purchases" / "y.csv", GOOD + "1\n")
    write(paths.inbox / "purchases" / "z.csv", "a,b\n")
    write(paths.inbox / "products" / "2024-01-01.zip.csv", "x")
    run("land", code=3)
    lines = run("status").output.splitlines()
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "feed landed seen again rows rejected newest as-of",
        "products 0 0 0 0 -",
        "purchases 1 1 2 1 2017-12-07 08:00",
    ]
    assert [line.split(":")[0] for line in lines[3:5]] == ["held 3", "held 4"]
    assert lines[5] == "published: nothing"
    run("withdraw", "1", "--by", "ann", "--why", "it is of another city")
    assert "purchases 0 1 0 0 -" in " ".join(run("status").output.split())


# ---------------------------------------------------------------- rejects and trace


def test_rejects_are_listed_and_exported_byte_for_byte(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    bad = [b'1,"2\xff\n', b"1,2,\0,,\r\n", b"a,b,c,d,e,f\n", b"1,2,3,4,5,6,7"]
    body = GOOD.encode() + b"".join(bad)
    write(tmp_path / "x.csv", body)
    write(tmp_path / "y.csv", GOOD + "8,9\n")
    run("land", "purchases", "x.csv", "y.csv")
    output = run("rejects").output
    assert "purchases x.csv (delivery 1) line 4, byte " in output
    assert '\n    1,"2\\xff\n' in output
    assert output.endswith("5 rejected records, 5 shown\n")
    assert "2 shown" in run("rejects", "--limit", "2").output
    assert run("rejects", "--delivery", "2").output.count("(delivery 2)") == 1
    assert run("rejects", "--feed", "products").output.startswith("0 rejected")
    output = run("rejects", "--delivery", "1", "--export", "out.bin").output
    assert output == "4 rejected records, written to out.bin\n"
    assert (tmp_path / "out.bin").read_bytes() == b"".join(bad) + b"\n"


@pytest.mark.fault("hostile.formula")
def test_a_sheet_of_rejects_runs_nothing_and_the_raw_export_changes_nothing(
    run: Run, tmp_path: Path
) -> None:
    bad = ["=1+1,a", "+2", "-3,\u00e9", "@sum(1)", "\t=4", "plain,5", "x,=6"]
    body = GOOD + "".join(f"{line}\n" for line in bad)
    write(tmp_path / "=x.csv", body)
    run("land", "purchases", "=x.csv")
    output = run("rejects", "--sheet", "out.csv", "--export", "out.bin").output
    assert output == "7 rejected records, written to out.bin and out.csv\n"
    assert (tmp_path / "out.bin").read_text() == "".join(f"{line}\n" for line in bad)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == [
        *("'=1+1,a", "'+2", "'-3,\u00e9", "'@sum(1)", "\t'=4", "plain,5", "x,=6")
    ]
    assert [row["line"] for row in rows] == ["4", "5", "6", "7", "8", "9", "10"]
    assert {row["reason"] for row in rows} == {"too_few_fields"}


def test_rejects_that_pass_after_a_fix_are_replayed(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", GOOD.encode() + b"1,caf\xe9,c,2017-12-06 22:06:36-08,20\n1\n")
    assert "1 rejected" not in run("land", "purchases", "x.csv").output
    nothing = "no rejected record can be read with the present settings\n"
    assert run("replay").output == nothing
    text = FEEDS_FILE.read_text()
    fixed = write(tmp_path / "fixed.yml", text.replace("[utf-8]", "[utf-8, cp1252]"))
    output = run("--feeds", fixed, "replay", "purchases").output
    assert output.startswith("replayed ")
    assert "2 records = 1 new + 0 known + 1 rejected + 0 blank (of delivery 1)" in output
    assert " 3 " in run("status").output
    assert run("rejects").output.startswith("purchases x.csv (delivery 1) line 5, byte")
    assert run("rejects", "--delivery", "1").output.endswith("1 rejected record, 1 shown\n")
    assert "needs the FEED" in run("replay", "--delivery", "1", code=2).output
    assert "no open rejects" in run("replay", "products", "--delivery", "1", code=2).output


def test_a_diff_says_what_would_change_and_changes_nothing(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    write(tmp_path / "p_2024-01-01.csv", PRODUCTS)
    run("land", "products", "p_2024-01-01.csv")
    write(
        tmp_path / "p_2024-01-02.csv", PRODUCTS.replace("1,Mints", "1,\x1b[31mMint") + "9\n"
    )
    output = run("diff", "products", "p_2024-01-02.csv").output
    assert output.startswith("would be landed ")
    assert "5 records = 1 new + 3 known + 1 rejected + 0 blank" in output
    assert "compared with delivery 1, as of 2024-01-01, of 4 rows:\n" in output
    assert "  + 1 row version added, such as\n      line 2: 1,\\x1b[31mMint,," in output
    assert "  - 1 row version removed, such as\n      line 2: 1,Mints,," in output
    assert "  ! line 6 would be rejected: too_few_fields: 1 fields, the" in output
    write(tmp_path / "cut_2024-01-03.csv", PRODUCTS + "5,x\n6")
    output = run("diff", "products", "cut_2024-01-03.csv", code=3).output
    assert "would be held " in output
    assert "cut_mid_record" in output
    assert "if accepted: 6 records = 1 new + 4 known + 1 rejected + 0 blank\n" in output
    assert ledger(paths) == [("landed",)]


def test_a_trace_shows_the_line_word_for_word(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    body = (
        HEADER
        + '1,"2\n2",c,2017-12-06 22:06:36-08,20\n"é ""x""",4,,2017-12-07 00:00:00+00,\n'
    )
    write(tmp_path / "x.csv", body)
    run("land", "purchases", "x.csv")
    paths.published.mkdir()
    with duckdb.connect(str(paths.published / "eventmart.duckdb")) as published:
        published.execute("create schema marts")
        published.execute(
            "create table marts.fct_purchases as select * from (values "
            f"('{UUID(int=7)}'::uuid, 1, 4), ('{UUID(int=8)}'::uuid, 1, 2)"
            ") as t (purchase_key, _delivery_seq, _line)"
        )
        published.execute(
            f"create table marts.dim_x as select '{UUID(int=9)}'::uuid as key"
        )
    output = run("trace", UUID(int=7)).output
    assert output.splitlines() == [
        "fact      marts.fct_purchases",
        "delivery  1 of purchases",
        f"file      {tmp_path / 'x.csv'}",
        "line      4",
        "header    kiosk_id,product_id,card_hash,date_time,fc_number",
        'record    "é ""x""",4,,2017-12-07 00:00:00+00,',
    ]
    assert 'record    1,"2\\n2",c' in run("trace", UUID(int=8)).output
    assert "no fact has the key" in run("trace", UUID(int=9), code=2).output
    for drop in paths.drops.iterdir():
        drop.unlink()
    assert "its kept bytes have expired" in run("trace", UUID(int=7)).output


# ---------------------------------------------------------------- nothing there


def test_a_status_before_anything_has_come_says_so(run: Run, paths: Paths) -> None:
    assert "nothing has landed yet" in run("status", code=2).output
    assert not paths.data.exists()
    # As a kill leaves it, before there are tables.
    paths.data.mkdir()
    duckdb.connect(str(paths.landing)).close()
    assert "nothing has landed yet" in run("status", code=2).output
    run("init")
    assert run("status").output.splitlines()[1:] == [
        f"nothing has landed in {paths.data} yet; run: eventmart land",
        "published: nothing",
    ]


def test_answers_before_anything_is_published_say_so(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    for arguments in (["answers"], ["answers", "--out", "here.md"]):
        assert "nothing is published yet; run:" in run(*arguments, code=2).output
    assert list(tmp_path.rglob("*.md")) == []


# ---------------------------------------------------------------- the demo's and one's own


@pytest.fixture
def demo_set(tmp_path: Path) -> Path:
    """An inbox as `eventmart demo` leaves it, in small."""
    write(tmp_path / "demo_set" / "purchases" / "x.csv", GOOD)
    truth = {"synthetic": True, "scale": 1, "seed": 1}
    write(tmp_path / "demo_set" / "truth.json", json.dumps(truth))
    return tmp_path / "demo_set"


OWN = HEADER + "9,2,c,2018-12-06 22:06:36-08,20\n"


@pytest.mark.fault("delivery.demo")
@pytest.mark.parametrize("command", [["land"], ["land", "purchases"], ["demo"]])
def test_the_demo_does_not_land_among_ones_own_when_the_inbox_is_forgotten(
    run: Run,
    paths: Paths,
    demo_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    file = write(paths.inbox / "purchases" / "own.csv", OWN)
    run("land")
    demo_set.rename(paths.data / "demo")
    monkeypatch.delenv("EVENTMART_INBOX")
    said = run(*command, code=2).output
    assert f"{paths.data}: has your own data, first {file}; " in said
    assert "EVENTMART_INBOX=inbox" in said
    assert "EVENTMART_DATA=data_of_the_demo" in said
    assert said.count("\n") == 1
    assert n_rows(paths, "purchases") == 1


@pytest.mark.fault("delivery.demo")
def test_ones_own_inbox_does_not_land_among_the_demo(
    run: Run, paths: Paths, demo_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write(paths.inbox / "purchases" / "own.csv", OWN)
    monkeypatch.setenv("EVENTMART_INBOX", str(demo_set))
    run("land")
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    said = run("land", code=2).output
    assert (
        f"{paths.data}: is a folder of the demo, which has invented rows; 1 files" in said
    )
    assert f"such as {own}, would mix with them; nothing was landed" in said
    assert f"EVENTMART_DATA=mine EVENTMART_INBOX={paths.inbox}" in said
    assert n_rows(paths, "purchases") == 2
    # A file that is named is meant.
    run("land", "purchases", own)
    assert n_rows(paths, "purchases") == 3


@pytest.mark.fault("delivery.demo")
def test_an_inbox_with_both_lands_neither(
    run: Run, paths: Paths, demo_set: Path, tmp_path: Path
) -> None:
    own = write(tmp_path / "elsewhere" / "own.csv", OWN)
    feeds = yaml.safe_load(FEEDS_FILE.read_text())
    feeds["feeds"]["purchases"]["sources"] = [
        "demo_set/purchases/*.csv",
        "elsewhere/*.csv",
    ]
    settings = write(tmp_path / "both.yml", yaml.safe_dump(feeds))
    paths.inbox.symlink_to(tmp_path)
    said = run("--feeds", settings, "land", "purchases", code=2).output
    assert own.name in said
    assert n_rows(paths, "purchases") == 0


def test_the_demo_lands_again_when_it_was_written_anew(
    run: Run, paths: Paths, demo_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENTMART_INBOX")
    demo_set.rename(paths.data.parent / "set")
    for text in (GOOD, GOOD + "5,6,e,2017-12-07 00:00:00-08,21\n"):
        write(paths.data.parent / "set" / "purchases" / "x.csv", text)
        shutil.copytree(paths.data.parent / "set", paths.data / "demo", dirs_exist_ok=True)
        run("land")
    # Nor do what is there and its mark have to be there for ever.
    shutil.rmtree(paths.data / "demo")
    shutil.copytree(paths.data.parent / "set", paths.data / "demo")
    run("land")
    assert n_rows(paths, "purchases") == 3


def test_what_failed_to_land_does_not_say_whose_folder_it_is(
    run: Run, paths: Paths, demo_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(paths.inbox / "purchases" / "bad.csv", "kiosk_id\n1\n")
    run("land", code=3)
    monkeypatch.setenv("EVENTMART_INBOX", str(demo_set))
    run("land")
    assert n_rows(paths, "purchases") == 2


# ---------------------------------------------------------------- outside a checkout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was installed into, from its wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        ROOT / "loaders",
        folder / "source" / "loaders",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    target = ["--target", str(folder / "site")]
    subprocess.run([*pip, "install", *offline, *target, folder / "source"], check=True)
    return folder / "site"


@pytest.mark.long
def test_outside_a_checkout_each_command_works_or_says_what_it_needs(
    installed: Path, paths: Paths, tmp_path: Path
) -> None:
    settings = {"EVENTMART_DATA": str(paths.data), "EVENTMART_INBOX": str(paths.inbox)}
    write(paths.inbox / "purchases" / "x.csv", GOOD)
    (tmp_path / "other").mkdir()

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "loaders", *arguments],
            cwd=tmp_path / "other",
            env=os.environ | settings | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    for arguments in (["init"], ["land"], ["status"], ["rejects"], ["published"]):
        code, said = run(*arguments)
        assert code == 0, said
    for arguments in (
        ["build"],
        ["build", "--if-redefined"],
        ["as-of", "2017-01-01"],
        ["publish"],
        ["answers"],
        ["demo"],
        ["watch", "--build"],
    ):
        code, said = run(*arguments)
        assert code == 2, said
        assert "needs the project's models, seeds and queries" in said
        assert "run it in a checkout: git clone" in said
        assert said.count("\n") == 1


# ---------------------------------------------------------------- several at once


@pytest.fixture
def holder(run: Run, paths: Paths) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the warehouse open."""
    run("init")
    script = (
        "import duckdb, sys\n"
        f"connection = duckdb.connect({str(paths.landing)!r})\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.fault("process.two_loaders")
def test_a_busy_warehouse_is_said_with_its_holder(
    run: Run, paths: Paths, holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    write(tmp_path / "x.csv", GOOD)
    output = run("land", "purchases", "x.csv", code=5).output
    assert f"{paths.landing} is in use by `python" in output
    assert f"(pid {holder.pid})" in output
    assert "try again when it has finished, or wait for it with --wait" in output


@pytest.mark.fault("process.two_loaders", "process.reader_during_landing")
def test_a_reader_waits_for_a_landing_to_end(
    run: Run, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.cli.context.PATIENCE", 0.2)
    start = time.monotonic()
    assert "is in use by" in run("status", code=5).output
    assert time.monotonic() - start >= 0.2
    monkeypatch.setattr("loaders.cli.context.PATIENCE", 60)
    assert holder.stdin
    holder.stdin.close()
    assert "published: nothing" in run("status").output


def test_a_warehouse_that_is_none_is_said(run: Run, paths: Paths) -> None:
    write(paths.data / "landing.duckdb", "no database, " * 1000)
    output = run("status", code=1).output
    assert f"error: {paths.landing}: cannot be opened" in output


def test_the_package_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "loaders", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Exit codes: 0 all well" in result.stdout


def test_every_command_is_described() -> None:
    assert isinstance(main, click.Group)
    assert all(command.help for command in main.commands.values())


def test_a_valid_settings_file_can_be_given(run: Run, paths: Paths, tmp_path: Path) -> None:
    feed = {
        "description": "d",
        "mode": "increment",
        "as_of": {"arrival": True},
        "layouts": [{"name": "only", "has": ["a"]}],
        "columns": {"a": {}},
    }
    write(tmp_path / "my.yml", yaml.safe_dump({"feeds": {"mine": feed}}))
    write(tmp_path / "x.csv", "a\n1\n")
    run("--feeds", "my.yml", "land", "mine", "x.csv")
    assert n_rows(paths, "mine") == 1


@pytest.mark.fault("meaning.set_aside")
def test_a_build_of_which_most_is_in_no_fact_says_why_and_exits_with_3(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SetAside("purchases", None, None, 50, 40, "40 untyped_date_time")
    monkeypatch.setattr("loaders.cli.publishing.build_landed", lambda *_, **__: None)
    monkeypatch.setattr("loaders.cli.render.mostly_set_aside", lambda paths: [found])
    said = run("build", code=3).output
    assert "40 of 50 rows of purchases were set aside: 40 untyped_date_time" in said
    assert "feeds.yml" in said
    monkeypatch.setattr("loaders.cli.render.mostly_set_aside", lambda paths: [])
    assert run("build").output.startswith("nothing new")


@pytest.mark.fault("feed.changed_settings")
def test_a_build_follows_settings_that_changed_since_the_last_landing(
    run: Run, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.cli.publishing.build_landed", lambda *_, **__: None)
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    write(tmp_path / "feeds.yml", yaml.safe_dump(settings))
    write(tmp_path / "x.csv", GOOD.replace("fc_number", "Freezer"))
    run("--feeds", "feeds.yml", "land", "purchases", "x.csv")
    purchases = settings["feeds"]["purchases"]
    purchases["zone"] = "Europe/Berlin"
    purchases["columns"]["fc_number"] = {"aliases": ["Freezer"]}
    write(tmp_path / "feeds.yml", yaml.safe_dump(settings))
    held = ("select zone from raw.feed_times where feed = 'purchases'",)
    numbers = ("select fc_number from raw.purchases order by all",)

    def found(query: tuple[str]) -> list[tuple]:
        with duckdb.connect(str(paths.landing), read_only=True) as landing:
            return landing.execute(*query).fetchall()

    assert (found(held), found(numbers)) == (
        [("America/Los_Angeles",)],
        [(None,), (None,)],
    )
    run("--feeds", "feeds.yml", "build")
    assert (found(held), found(numbers)) == ([("Europe/Berlin",)], [("20",), ("21",)])
    # Nothing is written where nothing changed: readers may have it open.
    with open_landing(paths.landing, read_only=True):
        run("--feeds", "feeds.yml", "build")


def test_feeds_of_ones_own_leave_the_projects_models_their_tables(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    """Settings of before a feed was added lack it; what reads it builds all the same."""
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    del settings["feeds"]["kiosk_info"]
    run("--feeds", str(write(tmp_path / "feeds.yml", yaml.safe_dump(settings))), "init")
    with duckdb.connect(str(paths.landing), read_only=True) as landing:
        assert landing.execute("select count(*) from raw.kiosk_info").fetchone() == (0,)
