# /// script
# dependencies = ["dlt[duckdb]==1.31.0", "duckdb==1.5.5", "pyarrow==21.0.0"]
# ///
"""dlt into DuckDB.

Its own reader of CSV, by way of Arrow, which is its fast one. With keys, what comes again
is merged by them; rows that a window no longer has stay.

Usage: dlt_duckdb.py FILE DATABASE [KEY ...]
"""

import os
import sys
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt
from dlt.sources.filesystem import filesystem, read_csv_duckdb

file, database, *keys = sys.argv[1:]
path = Path(file).absolute()
names = [dlt.Schema("names").naming.normalize_identifier(key) for key in keys]
rows = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name) | read_csv_duckdb(
    chunk_size=100_000, use_pyarrow=True, all_varchar=True
)
dlt.pipeline(
    "landing",
    destination=dlt.destinations.duckdb(database),
    dataset_name="main",
    pipelines_dir=f"{database}.state",
).run(
    rows.with_name("landed"),
    write_disposition="merge" if keys else "replace",
    primary_key=names or None,
)
