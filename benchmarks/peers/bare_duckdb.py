# /// script
# dependencies = []
# ///
"""bare DuckDB.

All text, nothing counted, kept or refused: `create table as`. With keys, what comes again
is merged, as one would write it by hand. Runs in the project's own environment.

Usage: bare_duckdb.py FILE DATABASE [KEY ...]
"""

import os
import sys

import duckdb

file, database, *keys = sys.argv[1:]
# No bound parameter: the first one has DuckDB import pandas and Arrow, if they are there.
read = f"as select * from read_csv('{file}', all_varchar = true)"
with duckdb.connect(database) as connection:
    if limit := os.environ.get("MEMORY_LIMIT"):
        connection.execute(f"set memory_limit = '{limit}'")
    if keys:
        connection.execute("set preserve_insertion_order = false")
    if not connection.execute("show tables").fetchall():
        connection.execute(f"create table landed {read}")
        sys.exit()
    connection.execute(f"create table fresh {read}")
    names = [name for name, *_ in connection.execute("describe fresh").fetchall()]
    same = " and ".join(f'landed."{key}" = fresh."{key}"' for key in keys)
    values = ", ".join(f'"{name}" = fresh."{name}"' for name in names)
    changed = " or ".join(
        f'landed."{name}" is distinct from fresh."{name}"' for name in names
    )
    connection.execute(
        f"merge into landed using fresh on ({same}) "
        f"when matched and ({changed}) then update set {values} "
        "when not matched then insert "
        "when not matched by source then delete"
    )
    connection.execute("drop table fresh")
