# /// script
# dependencies = ["polars==2.1.0"]
# ///
"""polars to Parquet.

Reads all as text and overwrites what is there, keys or not.

Usage: polars_parquet.py FILE TARGET [KEY ...]
"""

import sys

import polars as pl

file, target = sys.argv[1:3]
pl.scan_csv(file, infer_schema=False).sink_parquet(target)
