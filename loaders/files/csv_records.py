"""Split a CSV file into records, and count them independently of DuckDB's parser."""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loaders.errors import DeliveryError
from loaders.files import csv_limits
from loaders.files.csv_faults import Fault, Judge, too_large
from loaders.files.csv_grammar import Grammar
from loaders.files.csv_header import Head
from loaders.files.encodings import (
    Text,
    forget,
    length_in_utf16,
    mark_length,
    pieces,
)
from loaders.files.kept_files import CHUNK


@dataclass(frozen=True)
class Body:
    """Records ready for DuckDB.

    Attributes:
        path: UTF-8 CSV without header, after `skip` lines.
        numbered: whether the first field is the record's line; else record i stands
            on line `n_header_lines + i`, i from 1.
        n_records: records in the file by our own count, rejected and blank included.
        rejects: CSV of line, byte offset, raw bytes in hex, reason, detail.
        longest_reject: bytes of the longest record in it.
        is_cut: the file ends in the middle of a record.
        n_padded: good records that ended early, and were padded.
    """

    path: Path
    n_records: int
    skip: int = 0
    numbered: bool = False
    n_blank: int = 0
    n_rejected: int = 0
    rejects: Path | None = None
    longest_reject: int = 0
    is_cut: bool = False
    n_padded: int = 0


def count_plain_lines(
    data: mmap.mmap, head: Head, grammar: Grammar, field_bytes: int
) -> int | None:
    """Count the records of a body in which every record is one plain line.

    Returns None if some record may not be, see `Grammar.plain`, or has a field too many
    (DuckDB lets an empty one pass), or one that is too long. This is the count that
    DuckDB's must agree with; it shares nothing with DuckDB's parser.
    """
    n_records, position, size = 0, head.offset, len(data)
    n_cr = n_delimiters = 0
    while position < size:
        end = position + CHUNK
        if end < size:
            cut = data.rfind(b"\n", position, end)
            if cut < 0:
                return None
            end = cut + 1
        chunk = data[position:end]
        bare = grammar.plain(chunk)
        if bare is None:
            return None
        newlines = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
        n_records += len(newlines)
        n_cr += chunk.count(b"\r")
        marks = np.frombuffer(bare, np.uint8) == ord(grammar.delimiter)
        n_delimiters += int(np.count_nonzero(marks))
        if np.diff(newlines, prepend=-1, append=len(chunk)).max() > field_bytes:
            # In long lines fields may be: where some are quoted, that is not told here.
            stops = (
                newlines
                if bare is not chunk
                else np.union1d(newlines, np.flatnonzero(marks))
            )
            if np.diff(stops, prepend=-1, append=len(chunk)).max() > field_bytes + 1:
                return None
        end = min(end, size)
        forget(data, position, end)
        position = end
    if head.offset < size and data[size - 1 : size] != b"\n":
        n_records += 1
    n_lf = n_records if data[size - 1 : size] == b"\n" else n_records - 1
    is_even = n_delimiters <= n_records * (len(head.names) - 1)
    return n_records if is_even and n_cr in (0, n_lf) else None


def split_strictly(
    sent: mmap.mmap,
    data: mmap.mmap,
    head: Head,
    grammar: Grammar,
    text: Text,
    spool: Path,
    field_bytes: int,
    pads: bool = False,
) -> Body:
    """Judge every record: good ones to a clean file, the others to the rejects.

    Args:
        sent: the bytes as delivered, from which rejects are cut.
        data: the same, or their UTF-8 copy if they are UTF-16.
        head: its header.
        grammar: by which to read it.
        text: how it is decoded.
        spool: scratch folder.
        field_bytes: how long one field may be.
        pads: whether records that end early are padded, and not rejected.

    Raises:
        DeliveryError: if records would be padded with many times what they are.
        DeliveryHeldError: for a second header other than the first.
    """

    def numbered(line: int, record: bytes) -> bytes:
        return b"%d%b%b\n" % (line, grammar.delimiter, record)

    clean, rejects = spool / "clean.csv", spool / "rejects.csv"
    judge = Judge(head, grammar, text, field_bytes, pads)
    n_records = n_blank = n_rejected = longest = 0
    is_cut = False
    offset = head.offset
    if data is not sent:
        offset = mark_length(sent[:2]) + length_in_utf16(data, 0, head.offset)
    with clean.open("wb") as good, rejects.open("w") as bad:
        for line, start, end, raw, well_formed, plain in _records(data, head, judge):
            n_records += len(plain) or 1
            n_sent = end - start if data is sent else length_in_utf16(data, start, end)
            offset += n_sent
            if plain:
                good.writelines(map(numbered, range(line, line + len(plain)), plain))
                continue
            judged = judge(line, raw, well_formed) if raw else too_large(end - start)
            if judged == b"":
                n_blank += 1
            elif isinstance(judged, bytes):
                _check_padding(judge.n_nulls, len(data))
                good.write(numbered(line, judged))
            else:
                n_rejected += 1
                n_kept = min(n_sent, csv_limits.MAX_REJECT_BYTES)
                longest = max(longest, n_kept)
                first = offset - n_sent
                bad.write(f"{line},{first},")
                for piece in pieces(sent, first, first + n_kept):
                    bad.write(piece.hex())
                bad.write(f',{judged.reason},"{judged.detail}"\n')
                is_cut = end == len(data) and _breaks_off(data, grammar, text, judged)
    return Body(
        clean,
        n_records,
        numbered=True,
        n_blank=n_blank,
        n_rejected=n_rejected,
        rejects=rejects,
        longest_reject=longest,
        is_cut=is_cut,
        n_padded=judge.n_padded,
    )


def _check_padding(n_nulls: int, n_bytes: int) -> None:
    if n_nulls > max(csv_limits.SMALL_BYTES, csv_limits.MAX_PADDING * n_bytes):
        raise DeliveryError(
            "padded_too_much",
            f"its short records would be padded with {n_nulls:,} nulls and more, and it "
            f"has {n_bytes:,} bytes; ask for a file whose header has its columns alone",
        )


# The first bytes of a character without the others; see `copy_of_utf16`.
_CUT_UTF8 = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_CUT_UTF16 = re.compile(rb"(?:\xff|\xed[\xa0-\xaf][\x80-\xbf])\Z")


def _breaks_off(data: mmap.mmap, grammar: Grammar, text: Text, last: Fault) -> bool:
    """Whether a text ends within its last record, which is rejected for that."""
    end = data[len(data) - 4 :]
    match last.reason:
        case "too_few_fields" | "unterminated_quote":
            return not end.endswith(grammar.newline)
        case "bare_carriage_return":
            return end.endswith(b"\r")  # half of a line end
        case "invalid_encoding":
            return bool((_CUT_UTF16 if text.is_copied else _CUT_UTF8).search(end))
    return False


# Plain lines are looked for in so many bytes at once: near an odd one each is read alone.
STRETCH = 1 << 16


def _records(
    data: mmap.mmap, head: Head, judge: Judge
) -> Iterator[tuple[int, int, int, bytes, bool, list[bytes]]]:
    """Each record's line, start, end, bytes with the line end, and if well-formed.

    Or of many good ones, each a plain line, what DuckDB is to read; these come last. Of a
    record that is too large there are no bytes.

    Where a record is not well-formed, one physical line of it is, so that the next can
    be. Lines that the failed try went through inside quotes are tried on their own only:
    from their end on a second try would go the same way and fail in the same place. So
    no byte is read more than a few times, whatever the quotes.
    """
    grammar = judge.grammar
    position, line, size = head.offset, head.n_lines + 1, len(data)
    doomed = held = looked_at = position
    while position < size:
        if position - held > CHUNK:
            forget(data, held, position)
            held = position
        if position >= looked_at:
            looked_at = position + STRETCH
            end = data.rfind(b"\n", position, looked_at) + 1
            if end and (plain := judge.plain(data[position:end])):
                yield line, position, end, b"", True, plain
                line += len(plain)
                position = looked_at = end
                continue
        if position < doomed:
            newline = data.find(grammar.newline, position)
            end = size if newline < 0 else newline + 1
            found = grammar.record.match(data, position, end)
            # What ends with the line's last byte, and not before, has a line end.
            well_formed = found is not None and found.end(1) < found.end() == end
        else:
            found = grammar.record.match(data, position)
            well_formed = found is not None
            if found:
                end = found.end()
            else:
                newline = data.find(grammar.newline, position)
                end = size if newline < 0 else newline + 1
                failure = grammar.failure(data, position)
                doomed = data.rfind(grammar.newline, position, failure) + 1
        if end - position <= csv_limits.MAX_RECORD_BYTES + 2:
            raw = data[position:end]
            yield line, position, end, raw, well_formed, []
            line += raw.count(grammar.newline)
        else:
            yield line, position, end, b"", well_formed, []
            for piece in pieces(data, position, end):
                line += piece.count(grammar.newline)
        position = end
