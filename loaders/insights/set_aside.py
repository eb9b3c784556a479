"""What was built and is mostly in no fact: rows that were set aside, and why."""

from typing import NamedTuple

import duckdb

from loaders.config.paths import Paths
from loaders.sql import literal

# More than this share of the rows of a feed, or of a delivery, is more than noise.
MAX_SHARE = 0.5


class SetAside(NamedTuple):
    """A feed, or one of its deliveries, of which most rows are in no fact.

    Attributes:
        feed: its name.
        delivery_seq: the delivery; None for the feed as a whole.
        uri: where that delivery came from.
        n_rows: its rows but for those that later ones supersede.
        n_set_aside: how many of them were set aside.
        reasons: the reasons with their counts, as `40 untyped_request_time`.
    """

    feed: str
    delivery_seq: int | None
    uri: str | None
    n_rows: int
    n_set_aside: int
    reasons: str


def mostly_set_aside(paths: Paths) -> list[SetAside]:
    """The feeds, and of others the deliveries, of which most rows were set aside.

    Every table of row fates is asked, whatever its feed. Of a delivery that somebody
    accepted, this is known. Rows that had landed before count for the delivery then.
    """
    if not (paths.build.exists() and paths.intermediate.exists()):
        return []
    with duckdb.connect() as built:
        built.execute(f"attach {literal(str(paths.build))} as build (read_only)")
        built.execute(f"attach {literal(str(paths.intermediate))} as steps (read_only)")
        tables = built.execute(
            r"""
            select schema_name, table_name
            from duckdb_columns()
            where database_name = 'steps' and table_name like '%\_row\_fates' escape '\'
                and column_name in ('fate', 'set_aside_reason', '_delivery_seq')
            group by schema_name, table_name
            having count(*) = 3
            order by table_name
            """
        ).fetchall()
        if not tables:
            return []
        rows = " union all ".join(
            f'select _delivery_seq, fate, set_aside_reason from steps."{schema}"."{table}"'  # noqa: S608
            for schema, table in tables
        )
        found = built.execute(
            f"""
            with fates as ({rows}),

            counted as (
                select
                    deliveries.feed, deliveries._delivery_seq, deliveries.uri,
                    deliveries.accepted_by, deliveries.n_records,
                    fates.fate, fates.set_aside_reason, count(*) as n
                from fates
                inner join build.marts.fct_deliveries as deliveries
                    using (_delivery_seq)
                group by all
            ),

            of_feeds as (
                select
                    feed, null as _delivery_seq, null as uri,
                    sum(n) filter (where fate <> 'superseded') as n_rows
                from counted
                group by feed
            ),

            of_deliveries as (
                select
                    feed, _delivery_seq, uri,
                    any_value(n_records)
                    - coalesce(sum(n) filter (where fate = 'superseded'), 0) as n_rows
                from counted
                where accepted_by is null
                group by feed, _delivery_seq, uri
            ),

            wholes as (from of_feeds union all from of_deliveries),

            reasons as (
                select feed, _delivery_seq, set_aside_reason as reason, sum(n) as n
                from counted
                where fate = 'set_aside'
                group by grouping sets (
                    (feed, set_aside_reason), (feed, _delivery_seq, set_aside_reason)
                )
            )

            select
                wholes.feed, wholes._delivery_seq, wholes.uri, wholes.n_rows,
                sum(reasons.n) as n_set_aside,
                string_agg(
                    reasons.n || ' ' || reasons.reason, ', '
                    order by reasons.n desc, reasons.reason
                )
            from wholes
            inner join reasons
                on wholes.feed = reasons.feed
                and wholes._delivery_seq is not distinct from reasons._delivery_seq
            group by all
            having n_set_aside > {MAX_SHARE} * wholes.n_rows
            order by wholes.feed, wholes._delivery_seq nulls first
            """  # noqa: S608
        ).fetchall()
    wholes = [SetAside(*row) for row in found]
    feeds = {whole.feed for whole in wholes if whole.delivery_seq is None}
    return [one for one in wholes if one.delivery_seq is None or one.feed not in feeds]


def set_aside_line(found: SetAside) -> str:
    """In words, for the command line."""
    of = found.feed
    if found.delivery_seq is not None:
        of = f"delivery {found.delivery_seq} of {found.feed} ({found.uri})"
    return (
        f"in no fact: {found.n_set_aside:,} of {found.n_rows:,} rows of {of} were set "
        f"aside: {found.reasons}; the rest is published; look at the feed's formats and "
        "columns in feeds.yml, or at the conditions in its staging model"
    )
