"""What lies where the published file should be reads and writes nothing but itself."""

import json
import shutil
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from click.testing import CliRunner, Result

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.publishing.versions import Version, folder_of, sha256_of

SECRET = "the secret of the operator"
KEY = UUID(int=7)
ROW = """
    select
        'purchases' as feed, 'fresh' as freshness,
        timestamp '2018-01-01' as reference_at, timestamp '2018-01-01' as last_as_of_at,
        1.0 as days_since_last_as_of, 2.5 as median_days_between, 1 as n_silent_days,
        0.5 as silence_probability, 0.0 as rejected_share, 0.0 as set_aside_share,
        0.0 as uncertain_time_share, 0.0 as without_point_share,
        0.0 as without_neighborhood_share, 0.0 as withdrawn_share,
        0 as n_open_held, 0 as n_failed_since
"""
TRUST = f"create table reports.rpt_trust as {ROW}"
# Views and macros that reach out: of reports that `status` reads, or facts for `trace`.
READS = {
    "read_text": "select content as feed from read_text('{secret}')",
    "read_csv": "select a as feed from read_csv('{secret}', columns = {{'a': 'varchar'}})",
    "read_blob": "select content::varchar as feed from read_blob('{secret}')",
    "replacement": "select c as feed from '{secret}' as found(c)",
    "glob": "select file as feed from glob('{folder}/*')",
    "macro": "select content as feed from reports.peek()",
    "json": "select json::varchar as feed from read_json_objects('{secret}')",
    "duckdb": "select name as feed from (from sniff_csv('{secret}')) as t(name)",
    "web": "select content as feed from read_text('http://127.0.0.1:9/x')",
}
# Tables whose names end the query that they are put into.
NAMES = {
    "copies": """x" where false; copy (select 1) to '{pwned}'; select 1, 2 from marts."x""",
    "attaches": """x" where false; attach '{pwned}' as pwned; select 1, 2 from marts."x""",
    "exports": """x" where false; export database '{pwned}'; select 1, 2 from marts."x""",
    "loosens": """x" where false; set enable_external_access = true; select 1 from "x""",
    "loads": """x" where false; load '{pwned}'; select 1, 2 from marts."x""",
    "comment": """x" --""",
    "quote": """x'"' or true; --""",
}


class Served:
    """A data folder whose published file, manifest and all, is somebody else's."""

    def __init__(self, paths: Paths, tmp_path: Path) -> None:
        self.paths, self.pwned = paths, tmp_path / "pwned"
        self.secret = tmp_path / "secrets" / "secret.csv"
        self.secret.parent.mkdir()
        self.secret.write_text(f'"{SECRET}"\n')
        self.folder = folder_of(paths, 1)
        self.folder.mkdir(parents=True)
        self.file = self.folder / "eventmart.duckdb"

    def write(self, *statements: str, tip: str | None = None) -> None:
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("create schema reports; create schema marts")
            for statement in statements:
                connection.execute(statement)
        n_bytes = self.file.stat().st_size
        said = Version(1, sha256_of(self.file), n_bytes, "content", tip=tip)
        (self.folder / "manifest.json").write_text(json.dumps(said.__dict__))
        (self.paths.published / "eventmart.duckdb").hardlink_to(self.file)

    def filled(self, sql: str) -> str:
        return sql.format(secret=self.secret, folder=self.secret.parent, pwned=self.pwned)

    def check_nothing_happened(self, result: Result) -> None:
        assert SECRET not in result.output
        assert "secret.csv" not in result.output.replace(str(self.secret), "")
        assert not self.pwned.exists()
        assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which nothing has landed, copied for each test."""
    data = tmp_path_factory.mktemp("empty") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENTMART_DATA", str(data))
        assert CliRunner().invoke(main, ["init"]).exit_code == 0
    return data


@pytest.fixture
def served(
    empty: Path, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Served:
    shutil.copytree(empty, paths.data)
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    return Served(paths, tmp_path)


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize("query", READS.values(), ids=READS)
def test_status_reads_no_file_that_a_view_asks_for(served: Served, query: str) -> None:
    peek = "create macro reports.peek() as table select * from read_text('{secret}')"
    view = (
        "create view reports.rpt_trust as select found.feed, row.* exclude (feed) "
        f"from ({query}) as found cross join ({ROW}) as row"
    )
    with duckdb.connect() as elsewhere:
        # What cannot be asked by anybody proves nothing.
        elsewhere.execute("create schema reports")
        elsewhere.execute(served.filled(peek))
        if "http" not in query:
            elsewhere.execute(served.filled(query))
    # Views are bound when they are made: by a table of that shape, replaced by hand.
    served.write(served.filled(peek), _view(served, view))
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1, result.output
    served.check_nothing_happened(result)


def _view(served: Served, view: str) -> str:
    text = served.filled(view)
    return text if "http" not in text else "create table reports.rpt_trust (feed int)"


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_trace_runs_nothing_that_a_name_says(served: Served, name: str) -> None:
    quoted = served.filled(name).replace('"', '""')
    columns = '("a_key" uuid, _delivery_seq bigint, _line bigint)'
    served.write(
        f'create table marts."{quoted}" {columns}',
        'create table marts.x ("a"" or true; --" uuid, _delivery_seq int, _line int)',
    )
    result = CliRunner().invoke(main, ["trace", str(KEY)])
    assert result.exit_code == 2, result.output
    assert f"no fact has the key {KEY}" in result.output
    served.check_nothing_happened(result)


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize(
    ("seq", "line", "said"),
    [
        ("'x'", "2", "Could not convert string 'x'"),
        ("1", "'x'", "Could not convert string 'x'"),
        ("[1]", "2", "INTEGER[]"),
        ("1", "null", "no fact has the key"),
        ("null", "2", "no fact has the key"),
        ("9", "2", "delivery 9 is not in"),
        ("1", "1000000000000000000", "the delivery has fewer"),
    ],
)
def test_trace_says_what_of_a_fact_cannot_be(
    served: Served, tmp_path: Path, seq: str, line: str, said: str
) -> None:
    file = tmp_path / "p.csv"
    file.write_text(
        "kiosk_id,product_id,card_hash,date_time\n1,2,c,2018-01-01 12:00:00-08\n"
    )
    landed = ["land", "purchases", str(file), "--as-of", "2018-01-09"]
    assert CliRunner().invoke(main, landed).exit_code == 0
    served.write(
        f"create table marts.x as select '{KEY}'::uuid as k, {seq} as _delivery_seq, "
        f"{line} as _line"
    )
    result = CliRunner().invoke(main, ["trace", str(KEY)])
    assert result.exit_code in (1, 2)
    assert said in result.output
    served.check_nothing_happened(result)


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize("command", ["status", "recover"])
def test_a_version_of_another_landing_reads_no_file(served: Served, command: str) -> None:
    served.write(
        served.filled(
            "create view marts.fct_deliveries as "
            "select content as feed from read_text('{secret}')"
        ),
        tip="another",
    )
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 1
    assert "file system operations are disabled" in result.output
    assert isinstance(result.exception, SystemExit)
    assert SECRET not in result.output


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize(
    "change",
    [
        "reference_at = 'yesterday'",
        "n_open_held = 'many'",
        "feed = null",
        "rejected_share = 'x'",
    ],
)
def test_a_report_of_other_values_is_said(served: Served, change: str) -> None:
    column = change.partition(" = ")[0]
    served.write(
        TRUST,
        f"alter table reports.rpt_trust alter {column} type varchar",
        f"update reports.rpt_trust set {change}",
    )
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1, result.output
    assert "has columns or values that no build writes; run: make build" in result.output
    served.check_nothing_happened(result)


def test_a_report_as_a_build_writes_it_is_told(served: Served) -> None:
    served.write(TRUST)
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 0, result.output
    assert "purchases" in result.output


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize("command", [["status"], ["trace", str(KEY)], ["answers"]])
@pytest.mark.parametrize(
    "data", [b"", b"SQLite format 3\0" + bytes(4096), b"a,b\n1,2\n", b"PAR1" * 9]
)
def test_what_is_no_database_is_said(
    served: Served, command: list[str], data: bytes
) -> None:
    served.write(TRUST)
    served.file.write_bytes(data)
    said = Version(1, sha256_of(served.file), len(data), "content")
    (served.folder / "manifest.json").write_text(json.dumps(said.__dict__))
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1, result.output
    assert "error: " in result.output
    assert "eventmart published --repair, or run: make build" in result.output
    served.check_nothing_happened(result)


ENDLESS = "range(1000000000000000) as endless(n)"


@pytest.mark.fault("operator.hostile_file")
@pytest.mark.parametrize(
    "row",
    [
        ROW.replace(
            "1 as n_silent_days", f"(select count(n % 7) from {ENDLESS}) as n_silent_days"
        ),
        f"{ROW} from {ENDLESS}",
        f"{ROW} from {ENDLESS} where n < 0",
    ],
    ids=["counts", "rows", "no rows"],
)
@pytest.mark.parametrize("command", ["status", "answers"])
def test_a_view_that_does_not_end_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch, command: str, row: str
) -> None:
    monkeypatch.setattr("loaders.publishing.versions.PATIENCE", 0.2)
    served.write(
        f"create view reports.rpt_trust as select *, 1 as n_landed_deliveries from ({row})"
    )
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 1, result.output
    assert "takes more than 0.2 seconds to read" in result.output
    assert "eventmart published --repair" in result.output
    served.check_nothing_happened(result)


@pytest.mark.fault("operator.hostile_file")
def test_a_home_with_settings_of_duckdb_changes_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".duckdb" / "stored_secrets").mkdir(parents=True)
    (home / ".duckdbrc").write_text(f"copy (select 1) to '{served.pwned}';\n.exit 3\n")
    (home / ".duckdb" / "stored_secrets" / "s3.duckdb_secret").write_bytes(b"\0no secret")
    extensions = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / "linux_amd64"
    extensions.mkdir(parents=True)
    for name in ("icu", "json", "parquet", "httpfs", "sqlite_scanner"):
        (extensions / f"{name}.duckdb_extension").write_bytes(b"\x7fELF no extension")
    for name in ("DUCKDB_FILE", "DUCKDB_HOME", "DUCKDB_INIT", "DUCKDB_EXTENSION_DIRECTORY"):
        monkeypatch.setenv(name, str(served.pwned))
    file = served.paths.inbox / "purchases" / "x.csv"
    file.parent.mkdir(parents=True)
    file.write_text(
        "kiosk_id,product_id,card_hash,date_time\n1,2,c,2017-12-06 22:06:36-08\n"
    )
    served.write(TRUST)
    for place, command in ((home, "land"), ("/nowhere", "status"), (home, "status")):
        monkeypatch.setenv("HOME", str(place))
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
        served.check_nothing_happened(result)
