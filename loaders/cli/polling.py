"""Do something again and again, whatever goes wrong, until told to stop."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import duckdb

from loaders.errors import BusyError, EventmartError

log = logging.getLogger(__name__)
# After failures the pause doubles, to no more than this many seconds.
LONGEST_PAUSE = 900


def repeat(step: Callable[[], None], every: float) -> None:
    """Take a step every so many seconds until SIGTERM or SIGINT.

    A step that is under way is broken off: what it has not committed, it has not done.
    """
    n_failures = 0
    with _stoppable() as is_stopped:
        while True:
            began = time.monotonic()
            try:
                step()
                n_failures = 0
            except BusyError as error:
                log.info("%s", error)
            except Exception as error:
                if is_stopped():
                    return
                n_failures += 1
                # What nobody foresaw is shown with where it was, to be reported.
                is_known = isinstance(error, (EventmartError, duckdb.Error, OSError))
                log.error(
                    "failed: %s", error if is_known else repr(error), exc_info=not is_known
                )
            pause = min(every * 2**n_failures, max(every, LONGEST_PAUSE))
            if n_failures:
                log.info("next try in %.0f seconds", pause)
            time.sleep(max(0, began + pause - time.monotonic()))


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Leave the block, as if it were done, on the first signal to stop."""
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield lambda: stopped
    except BaseException:
        # DuckDB turns an interrupt into an error of its own.
        if not stopped:
            raise
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
