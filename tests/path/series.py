"""Reports made from series of counts, run on series that a test makes up."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd

from tests.path.compiled import Compiled

Part = tuple[str, str, str, pd.DatetimeIndex, np.ndarray]


def series_days(parts: Iterable[Part], vintage: str = "main") -> pd.DataFrame:
    """Rows like those of fct_series_days, of (feed, dimension, value, days, counts)."""
    return pd.concat(
        pd.DataFrame(
            {
                "feed": feed,
                "vintage": vintage,
                "dimension": dimension,
                "dimension_value": value,
                "n_events": counts,
                "event_date": days,
            }
        )
        for feed, dimension, value, days, counts in parts
    )


@contextmanager
def reports_on(
    compiled: Compiled, days: pd.DataFrame, *names: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Build these models, by what dbt compiled, on such rows alone."""
    with compiled.connect() as connection:
        connection.register("days", days)
        connection.execute(
            """
            create table marts.fct_series_days as
            select
                cast(md5(concat_ws('/', feed, vintage, dimension, dimension_value)) as uuid)
                    as series_key,
                feed, vintage, dimension, dimension_value,
                cast(n_events as bigint) as n_events, cast(event_date as date) as event_date
            from days
            """
        )
        connection.execute(
            "create table marts.fct_observed_days as "
            "select distinct feed, vintage, event_date from marts.fct_series_days"
        )
        # No event has a code, so that none breaks.
        connection.execute(
            """
            create table marts.fct_code_days (
                feed varchar, vintage varchar, code_column varchar, code varchar,
                n_records bigint, event_date date
            )
            """
        )
        compiled.add(connection, "int_coding_breaks_found", *names)
        yield connection
