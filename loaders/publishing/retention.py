"""Which versions are kept: the last ones, and the last of each of some days."""

import os
import shutil

from loaders.config.paths import Paths
from loaders.errors import UsageError
from loaders.publishing.versions import Version, folder_of, numbers, served_number, versions

# Kept are so many versions, and the last one of each day of so many days.
KEEP = 3


KEEP_DAYS = 7


def expire(paths: Paths, n_days: int) -> None:
    """Remove the versions that are neither among the last nor the last of a recent day.

    Days are those on which something was published: a clock that jumps takes none away.
    """
    whole = [version for version in versions(paths) if _has_size(paths, version)]
    last = whole[-KEEP:]
    last_of_days = {version.day: version.number for version in whole}
    days = sorted((day for day in last_of_days if day), reverse=True)[:n_days]
    keep = {last_of_days[day] for day in days} | {version.number for version in last}
    for number in set(numbers(paths)) - keep - {served_number(paths)}:
        # What is damaged goes when it would have gone if it were not.
        if last and number < last[0].number:
            # At once out of sight: a kill leaves nothing that looks like a version.
            expired = folder_of(paths, number).with_name(f".{number}.expired")
            folder_of(paths, number).rename(expired)
            shutil.rmtree(expired)


def _has_size(paths: Paths, version: Version) -> bool:
    file = folder_of(paths, version.number) / paths.build.name
    return file.exists() and file.stat().st_size == version.n_bytes


def keep_days() -> int:
    """Of how many days the last version is kept, by $EVENTMART_KEEP_DAYS.

    Raises:
        UsageError: if that is not a number of days.
    """
    text = os.environ.get("EVENTMART_KEEP_DAYS") or str(KEEP_DAYS)
    if not text.isdecimal() or len(text) > 5:
        raise UsageError(f"EVENTMART_KEEP_DAYS: {text!r} is not a number of days")
    return int(text)
