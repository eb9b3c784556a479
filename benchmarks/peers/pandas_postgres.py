# /// script
# dependencies = ["pandas==2.3.3", "psycopg[binary]==3.3.9"]
# ///
"""pandas + PostgreSQL COPY.

Chunks of text, each written as CSV into COPY. With keys, by way of a staging table: rows
that differ are upserted, those that the window no longer has deleted.

Usage: pandas_postgres.py FILE DSN [KEY ...]
"""

import io
import sys

import pandas as pd
import psycopg

file, dsn, *keys = sys.argv[1:]


def listed(names: list[str], before: str = "", after: str = "") -> str:
    """Names as a list in SQL, with something before and after each."""
    return ", ".join(f'{before}"{name}"{after}' for name in names)


names = list(pd.read_csv(file, nrows=0))
with psycopg.connect(dsn) as connection:
    columns = listed(names, after=" text")
    if keys:
        columns += f", primary key ({listed(keys)})"
        connection.execute(f"create temp table fresh ({listed(names, after=' text')})")
    connection.execute(f"create table if not exists landed ({columns})")
    target = "fresh" if keys else "landed"
    with connection.cursor().copy(f"copy {target} from stdin (format csv)") as copy:
        for chunk in pd.read_csv(file, dtype=str, chunksize=100_000):
            text = io.StringIO()
            chunk.to_csv(text, index=False, header=False)
            copy.write(text.getvalue())
    if keys:
        others = [name for name in names if name not in keys]
        held, fresh = listed(others, "landed."), listed(others, "excluded.")
        same = " and ".join(f'landed."{key}" = fresh."{key}"' for key in keys)
        connection.execute("analyze fresh")
        connection.execute(
            f"insert into landed select * from fresh on conflict ({listed(keys)}) "
            f"do update set ({listed(others)}) = row({fresh}) "
            f"where ({held}) is distinct from ({fresh})"
        )
        connection.execute(
            f"delete from landed where not exists (select from fresh where {same})"
        )
