"""Deliveries that look wrong as a whole: they are held, with the evidence."""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryHeldError
from loaders.landing import ledger
from loaders.landing.checks.coverage import event_date, event_dates, event_dates_of
from loaders.landing.checks.neighbors import (
    Loss,
    Losses,
    Neighbor,
    Neighbors,
    look_around,
    loss_within,
    losses,
    some_before,
)
from loaders.landing.checks.slices import (
    find_withdrawn,
    missing_end,
    missing_kinds,
    renamed,
)
from loaders.landing.draft import LossesFound
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery

# Suspicious: under half or over twice what its neighbours by as-of hold; asked only
# where there are this many of the same layout.
MIN_NEIGHBOURS = 3
MIN_RATIO, MAX_RATIO = 0.5, 2.0
# A window moves forward: this share of rows before the last one's start is a slip's.
MAX_EARLIER_SHARE = 0.01
# A delivery that states what it covers may have so many rows of other dates.
MAX_ELSEWHERE_SHARE = 0.05
# Fewer withdrawn rows than these hold nothing, whatever their share.
MIN_WITHDRAWN = 5
# Shares that are small each time are judged together, over so many deliveries.
N_TOGETHER = 3
ACCEPT_IT = "if the delivery is right, accept it (eventmart accept)"


@dataclass(frozen=True)
class Verdict:
    """What there is to say of a parsed delivery as a whole.

    Attributes:
        found: what it withdraws and what ages out, with notes.
        neighbors: those by as-of; of an increment, to which they are nothing, None.
        doubts: why it should be held, with the evidence, if it should.
    """

    found: LossesFound
    neighbors: Neighbors | None
    doubts: DeliveryHeldError | None


def judge(entry: Entry, parsed: ParsedDelivery) -> Verdict:
    """Look at a parsed delivery as a whole, beside its neighbors by as-of."""
    landing = parsed.landing
    neighbors, found, notes, doubts = None, LossesFound(), list[str](), None
    if entry.mode != "increment":
        # Before all that may hold it: if it is accepted, it stands beside these.
        entry = replace(entry, delivery_seq=ledger.next_numbers(landing)[0])
        neighbors = look_around(landing, entry)
        lost = losses(entry, parsed, neighbors)
        found = LossesFound(lost.taken.n_withdrawn, lost.taken.n_aged_out)
    try:
        _hold_if_cut_or_early(entry, parsed)
        notes += _rows_elsewhere(entry, parsed)
        if neighbors:
            notes += _replaced(lost.taken)
            notes += map(_overruled, lost.overruled)
            _hold_if_other_size(landing, entry)
            if _is_enough(entry, lost.taken):
                withdrawn = find_withdrawn(entry, parsed, lost)
                new_identity = renamed(parsed, withdrawn)
                _hold_if_withdrawing(entry, parsed, lost, new_identity)
                notes += [new_identity] if new_identity else []
                _hold_if_slice(entry, parsed, lost, withdrawn)
                _hold_if_creeping(entry, parsed, lost)
            notes += _window_goes_back(entry, parsed, neighbors)
            for later, loss in lost.overruled:
                _hold_if_withdrawn_by(parsed, entry, later, loss)
    except DeliveryHeldError as error:
        doubts = error
    return Verdict(replace(found, notes=tuple(notes)), neighbors, doubts)


def _hold_if_cut_or_early(entry: Entry, parsed: ParsedDelivery) -> None:
    if parsed.body.is_cut:
        raise DeliveryHeldError(
            "cut_mid_record",
            f"the last of its {parsed.body.n_records} records is incomplete: the file was "
            "cut; ask for it again",
        )
    # What arrived is not before what did, though the clock goes back.
    is_stated = entry.as_of_source != "arrival"
    if is_stated and entry.as_of and entry.as_of > entry.started_at + timedelta(days=1):
        raise DeliveryHeldError(
            "as_of_in_the_future",
            f"its as-of {entry.as_of} is in the future: look at the newest dates in it; "
            f"give the right as-of with --as-of, or {ACCEPT_IT}",
        )


def _hold_if_other_size(landing: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    sizes = ledger.neighbour_sizes(landing, entry, MIN_NEIGHBOURS)
    if len(sizes) < MIN_NEIGHBOURS:
        return
    n_rows = entry.n_records - entry.n_blank
    ratio = n_rows / median(sizes)
    if not MIN_RATIO <= ratio <= MAX_RATIO:
        raise DeliveryHeldError(
            "shrunk" if ratio < 1 else "exploded",
            f"{n_rows} records, {ratio:.2f} times the {median(sizes):g} of its "
            f"neighbours by as-of; {ACCEPT_IT}",
        )


# ---------------------------------------------------------------- windows


def _rows_elsewhere(entry: Entry, parsed: ParsedDelivery) -> list[str]:
    """Hold what has rows of other dates than it states to cover; note if they are few."""
    landing, feed = parsed.landing, parsed.feed
    if not (feed.window and entry.covers_from and entry.covers_to):
        return []
    found = landing.execute(
        f"""
        select
            count(*) filter (where event_date not between $first and $last),
            count(*),
            min(event_date),
            max(event_date)
        from (
            select {event_date(feed)} as event_date
            from {parsed.versions}
        )
        """,  # noqa: S608
        {"first": entry.covers_from, "last": entry.covers_to},
    ).fetchone()
    n_elsewhere, n_rows, first, last = found or (0, 0, None, None)
    if not n_elsewhere:
        return []
    evidence = (
        f"{n_elsewhere:,} of its {n_rows:,} rows are not of "
        f"{_days(entry.covers_from, entry.covers_to)}, the dates that it should cover: "
        f"its dates are {_days(first, last)}"
    )
    if n_elsewhere > MAX_ELSEWHERE_SHARE * n_rows:
        raise DeliveryHeldError(
            "covers_other_dates",
            f"{evidence}; give the right dates with --covers (or correct `covers` of the "
            f"feed in feeds.yml); or {ACCEPT_IT}",
        )
    return [evidence]


def _window_goes_back(
    entry: Entry, parsed: ParsedDelivery, neighbors: Neighbors
) -> list[str]:
    """Hold the newest if it has rows from before the window of the one before it.

    Unless that one had such rows, too: then it is the feed's window that is wrong.
    """
    landing, feed = parsed.landing, parsed.feed
    before = neighbors.before
    if not (feed.window and before and before.first_date and entry.as_of):
        return []
    if entry.covers_from or neighbors.after or entry.as_of <= before.as_of:
        return []
    found = landing.execute(
        f"""
        select
            count(*) filter (where event_date < $first),
            count(*) filter (where event_date < least(reached, $first)),
            any_value(reached)
        from (
            select {event_date(feed)} as event_date from {parsed.new_rows}
        ), (
            -- Less one row in a thousand, whose date may be a slip.
            select quantile_disc({event_date(feed)}, 0.001) as reached
            from raw.{feed.name}
            semi join {before.rows} using (_row_hash, _copy)
        )
        """,  # noqa: S608
        {"first": before.first_date},
    ).fetchone()
    n_before_window, n_earlier, reached = found or (0, 0, None)
    if n_earlier > MAX_EARLIER_SHARE * parsed.n_rows:
        raise DeliveryHeldError(
            "earlier_window",
            f"as of {entry.as_of:%Y-%m-%d}, newer than delivery {before.delivery_seq} "
            f"({before.as_of:%Y-%m-%d}), but {n_earlier} of {parsed.n_rows} records are "
            f"new with a {feed.window.column} before {min(reached, before.first_date)}, "
            "where that one's window starts: is its as-of right, is the feed's window? If "
            f"it is an archive or a part, land it with --covers FROM TO; or {ACCEPT_IT}",
        )
    if n_before_window <= MAX_EARLIER_SHARE * parsed.n_rows:
        return []
    return [
        f"the feed's window is {feed.window.length}, from {entry.window_start} on, "
        f"but its files reach back to {reached}: rows that they lack from before the "
        "window count as aged out, not withdrawn; if the files are complete, set the "
        "window in feeds.yml"
    ]


# ---------------------------------------------------------------- withdrawals


def _is_too_much(feed: Feed, entry: Entry, loss: Loss) -> bool:
    """Whether too much is withdrawn, beyond what may be among unread rows."""
    return _is_enough(entry, loss) and (
        _n_gone(entry, loss) > feed.withdrawn_share_allowed * loss.n_covered
    )


def _is_enough(entry: Entry, loss: Loss) -> bool:
    """Whether so many are withdrawn that it says something."""
    return _n_gone(entry, loss) >= MIN_WITHDRAWN


def _n_gone(entry: Entry, loss: Loss) -> int:
    """How many are withdrawn that cannot be among the rows that were not read."""
    return loss.n_withdrawn - entry.n_rejected - entry.n_damaged


def _replaced(loss: Loss) -> list[str]:
    """Say of rows without an identity what became of them: by day, nothing is missing."""
    if not loss.n_replaced:
        return []
    return [
        f"{loss.n_replaced:,} rows landed before, which have no id, are not in it "
        "word for word, and it has as many other rows of the same days: whether "
        "these are corrections cannot be known, so the old rows count as withdrawn "
        "and the others as new"
    ]


def _overruled(by: tuple[Neighbor, Loss]) -> str:
    """Say of a delivery that comes late what a later one has withdrawn."""
    later, loss = by
    # Without its number, which depends on what else was tried before.
    return (
        f"{loss.n_withdrawn:,} of its rows are withdrawn by the delivery as of "
        f"{later.as_of:%Y-%m-%d}, which lacks them"
    )


def _hold_if_withdrawing(
    entry: Entry, parsed: ParsedDelivery, lost: Losses, new_identity: str | None
) -> None:
    """Hold a delivery that lacks too many covered events: it seems to be a part."""
    feed = parsed.feed
    loss = lost.taken
    if not _is_too_much(feed, entry, loss):
        return
    share, allowed = _percents(loss.share, feed.withdrawn_share_allowed)
    evidence = [
        f"would withdraw {loss.n_withdrawn:,} of the {loss.n_covered:,} rows ({share}) "
        f"landed before for {_covered(entry)}"
    ]
    if loss.first_date and loss.last_date:
        evidence.append(f"they are of {_days(loss.first_date, loss.last_date)}")
    first, last = event_dates(entry, parsed)
    filters = _filters(parsed, lost.earlier)
    if first and last:
        evidence.append(f"its own rows are of {_days(first, last)}")
    evidence += filters
    if new_identity:
        evidence.append(new_identity)
        step = "Ask for a file that has these values as they were before"
    elif filters:
        step = "Ask for it without the filter"
    elif first and last:
        first_of_most, last_of_most = event_dates(entry, parsed, MAX_ELSEWHERE_SHARE / 4)
        for dates in ((first, last), (first_of_most or first, last_of_most or last)):
            months = _whole_months(*dates)
            within = loss_within(parsed, lost.earlier, *months)
            if not _is_too_much(feed, entry, within):
                covers = " ".join(map(str, months))
                step = f"If it is an archive or a part, land it with --covers {covers}"
                break
            step = (
                f"Of {_days(*months)} only, it lacks {within.n_withdrawn:,} of "
                f"{within.n_covered:,} rows: ask for all of them, without a filter"
            )
    else:
        step = "Ask for the whole list"
    raise DeliveryHeldError(
        "withdraws_too_much",
        f"{'; '.join(evidence)}; {allowed} are allowed (max_withdrawn_share in "
        f"feeds.yml). {step}; if all these rows should really go, accept it (eventmart "
        "accept)",
    )


def _hold_if_slice(
    entry: Entry, parsed: ParsedDelivery, lost: Losses, withdrawn: str
) -> None:
    """Hold a delivery that lacks few events, but all of one kind, or of its first days."""
    # Of a list, all things of a kind may go at once; of some feeds, all rows.
    if parsed.feed.mode != "window" or parsed.feed.withdrawn_share_allowed >= 1:
        return
    said = (
        f"would withdraw {lost.taken.n_withdrawn:,} of the {lost.taken.n_covered:,} rows "
        f"landed before for {_covered(entry)}"
    )
    if kinds := missing_kinds(parsed, withdrawn, lost.earlier, MIN_WITHDRAWN):
        raise DeliveryHeldError(
            "withdraws_a_kind",
            f"{said}: {'; '.join(kinds)}: was a filter left on? Ask for it without; or if "
            "these rows should really go, accept it (eventmart accept)",
        )
    if dates := missing_end(entry, parsed, withdrawn, MIN_WITHDRAWN):
        covers = " ".join(map(str, dates))
        raise DeliveryHeldError(
            "withdraws_an_end",
            f"{said}, and they are of {_days(*_dates_of(lost.taken))}, where its own rows "
            f"are of {_days(*dates)}: was it cut at a limit of rows? Ask for all of them. "
            f"If it is a part, land it with --covers {covers}; if the feed's files never "
            "reach further, set its window in feeds.yml; or if these rows should really "
            "go, accept it (eventmart accept)",
        )


def _hold_if_creeping(entry: Entry, parsed: ParsedDelivery, lost: Losses) -> None:
    """Hold a delivery that lacks too much with those before it, though not alone."""
    feed = parsed.feed
    base = some_before(parsed.landing, entry, N_TOGETHER)
    if not base:
        return
    dates = entry.window_start or date.min, entry.covers_to
    loss = loss_within(parsed, base.rows, *dates)
    if _is_too_much(feed, entry, loss):
        share, allowed = _percents(loss.share, feed.withdrawn_share_allowed)
        raise DeliveryHeldError(
            "withdraws_too_much",
            f"would withdraw {lost.taken.n_withdrawn:,} rows more: with those that the "
            f"deliveries before it withdrew, {loss.n_withdrawn:,} of the "
            f"{loss.n_covered:,} rows ({share}) of delivery {base.delivery_seq} "
            f"({base.as_of:%Y-%m-%d}) for {_covered(entry)} would be gone; {allowed} are "
            "allowed (max_withdrawn_share in feeds.yml). Ask why they become fewer each "
            "time; if all these rows should really go, accept it (eventmart accept)",
        )


def _hold_if_withdrawn_by(
    parsed: ParsedDelivery, entry: Entry, later: Neighbor, loss: Loss
) -> None:
    """Hold what comes late, and would be withdrawn by what has landed already."""
    feed = parsed.feed
    if not _is_too_much(feed, entry, loss):
        return
    # On one day, only their times differ.
    is_same_day = entry.as_of and later.as_of.date() == entry.as_of.date()
    form = "%Y-%m-%d %H:%M:%S" if is_same_day else "%Y-%m-%d"
    seq = later.delivery_seq
    evidence, step = _filters(parsed, later.rows), "Ask for one file of all rows"
    own_first, own_last = event_dates(entry, parsed)
    first, last = event_dates_of(parsed, later.rows)
    if own_first and own_last and first and last:
        own, other = (own_first, own_last), (first, last)
        evidence.append(
            f"its own rows are of {_days(*own)}, those of delivery {seq} of {_days(*other)}"
        )
        # Only parts that do not overlap can be landed by their dates.
        if own_last < first or last < own_first:
            covers, others = (
                " ".join(map(str, _whole_months(*dates))) for dates in (own, other)
            )
            step = (
                f"If both are parts, take out delivery {seq} (eventmart withdraw), land "
                f"its file again with --covers {others}, and this one with --covers "
                f"{covers}"
            )
    raise DeliveryHeldError(
        "withdrawn_at_once",
        f"delivery {seq}, as of {later.as_of:{form}} which is newer than "
        f"this one ({entry.as_of:{form}}), lacks {loss.n_withdrawn:,} of the "
        f"{loss.n_covered:,} rows ({loss.share:.0%}) that both cover, and would withdraw "
        f"them at once: is one of the two only a part? {'; '.join(evidence)}. {step}; "
        f"or {ACCEPT_IT}",
    )


def _dates_of(loss: Loss) -> tuple[date, date]:
    return loss.first_date or date.min, loss.last_date or date.max


def _percents(share: float, allowed: float) -> tuple[str, str]:
    """Two shares, the second as it was set, the first so that they differ."""
    said = f"{100 * allowed:g}%"
    shown = (f"{share:.{digits}%}" for digits in range(9))
    return next((one for one in shown if float(one[:-1]) != 100 * allowed), said), said


def _covered(entry: Entry) -> str:
    if entry.covers_from and entry.covers_to:
        return f"{_days(entry.covers_from, entry.covers_to)}, which it covers"
    if entry.window_start:
        return f"{_days(entry.window_start, entry.as_of)}, the feed's window"
    return "the whole list"


def _days(first: date, last: date | None) -> str:
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}" if last else f"{first:%Y-%m-%d} on"


def _whole_months(first: date, last: date) -> tuple[date, date]:
    """Dates widened to whole months, where no more than a week is missing."""
    month_end = date(last.year, last.month, monthrange(last.year, last.month)[1])
    return (
        first.replace(day=1) if first.day <= 7 else first,
        month_end if (month_end - last).days < 7 else last,
    )


def _filters(parsed: ParsedDelivery, earlier: str) -> list[str]:
    """Columns in which all rows are alike, and those that would be withdrawn are not."""
    landing, feed = parsed.landing, parsed.feed
    columns = [name for name in feed.columns if name in parsed.columns]
    own = ", ".join(f'count(distinct "{c}"), min("{c}")' for c in columns)
    values = landing.execute(
        f"select {own} from {parsed.versions}"  # noqa: S608
    ).fetchone()
    before = landing.execute(
        f"select {own} from raw.{feed.name} "  # noqa: S608
        f"semi join {earlier} using (_row_hash, _copy)"
    ).fetchone()
    if not (values and before):
        return []
    return [
        f"all its rows have {column} {feed.quote(column, value)}, where "
        + (
            f"{n_before:,} values were"
            if n_before > 1
            else f"all had {feed.quote(column, value_before)}"
        )
        + ": was a filter left on?"
        for column, n_values, value, n_before, value_before in zip(
            columns, values[::2], values[1::2], before[::2], before[1::2], strict=True
        )
        if n_values == 1 and (n_before > 1 or (n_before and value_before != value))
    ][:3]
