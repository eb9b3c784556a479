"""What tells that a DuckDB file was written since: the counter in its own headers.

DuckDB writes a file in checkpoints, each of which flips between two headers and counts
one up, if there was anything to write. What is not in the file yet stands in a log beside
it. So a file with the same count and without log is, by every row, what it was.
"""

import os
import struct
from pathlib import Path

# The main header, then two of the same form: checksum, count of checkpoints, pointers.
_HEADERS = (4096, 8192)
_COUNT = struct.Struct("<8xQ")
# By path. Closing one would let go of the lock that DuckDB has on the file in the same
# process (POSIX locks go with any handle that is closed), so they stay open.
_handles: dict[Path, int] = {}


def n_checkpoints(file: Path) -> int | None:
    """How often a DuckDB file was written; None if it is none, or has a log beside it."""
    log = file.with_name(f"{file.name}.wal")
    try:
        if log.exists() and log.stat().st_size:
            return None
        handle = _handle(file)
        counts = [
            _COUNT.unpack(os.pread(handle, _COUNT.size, offset)) for offset in _HEADERS
        ]
        return max(int(count) for (count,) in counts)
    except (OSError, struct.error):
        return None


def _handle(file: Path) -> int:
    held = _handles.get(file)
    if held is not None:
        if os.path.samestat(os.fstat(held), file.stat()):
            return held
        os.close(held)  # Of a file that another has taken the place of.
    _handles[file] = os.open(file, os.O_RDONLY)
    return _handles[file]
