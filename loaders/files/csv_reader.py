"""Turn delivered bytes into something DuckDB can read without guessing.

Records are counted here, independently of DuckDB's parser. A file in which every record
is one plain line goes to DuckDB as it is; in any other, and in any that DuckDB's strict
parser refuses, each record is judged here by RFC 4180: the good ones go on, word for
word, with their line in front; the others are rejected with their raw bytes.
"""

import mmap
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.config.feeds import Limits
from loaders.errors import EventmartError
from loaders.files.csv_grammar import grammar_of
from loaders.files.csv_header import Head, HeaderError, read_head
from loaders.files.csv_records import Body, count_plain_lines, split_strictly
from loaders.files.encodings import (
    Text,
    copy_of_utf16,
    decide_encoding,
    decode,
    forget,
    text_of,
)
from loaders.files.kept_files import CHUNK

# Control-Z behind all records, or on last lines of its own.
_END = re.compile(rb"(?:(?:\A|(?<=[\r\n]))\x1a[\x1a\r\n]*|\x1a+)\Z")
_LONGEST_END = 4096


def read_csv(
    path: Path,
    candidates: tuple[str, ...],
    delimiter: str,
    spool: Path,
    strict: bool,
    fits: Callable[[list[str]], bool] | None = None,
    max_preamble_lines: int = 0,
    pads: bool = False,
    field_bytes: int = Limits().field_bytes,
) -> tuple[Head, str, Body]:
    """Prepare a CSV file: its header, the encoding chosen, and its body for DuckDB.

    Args:
        path: the plain bytes as delivered.
        candidates: the feed's encodings.
        delimiter: the feed's delimiter.
        spool: scratch folder.
        strict: judge every record here, plain or not.
        fits: whether names may be a header of the feed.
        max_preamble_lines: how many lines may stand before the header.
        pads: whether records that end early are padded with nulls.
        field_bytes: how long one field may be.

    Raises:
        DeliveryError: if records would be padded with many times what they are.
        HeaderError: if the header cannot be read.
        DeliveryHeldError: for an encoding that the feed does not expect, or a second
            header other than the first.
    """
    text = decide_encoding(path, candidates)
    with _text_file(path, text, spool) as (sent, data, in_utf8):
        grammar = grammar_of(data, delimiter)
        head = read_head(data, grammar, text.codec, fits, max_preamble_lines)
        is_plain = text.is_whole and not text.is_doubtful and not strict
        plain = count_plain_lines(data, head, grammar, field_bytes) if is_plain else None
        if plain is None:
            body = split_strictly(sent, data, head, grammar, text, spool, field_bytes, pads)
        elif text.codec == "utf-8":
            body = Body(in_utf8, plain, skip=head.n_lines)
        else:
            body = Body(_transcode(data, head.offset, text.encoding, spool), plain)
    return head, text.encoding, body


@contextmanager
def _text_file(
    path: Path, text: Text, spool: Path
) -> Iterator[tuple[mmap.mmap, mmap.mmap, Path]]:
    """A file as delivered, its text in an encoding that keeps ASCII, and where that is."""
    copy = copy_of_utf16(path, text.encoding, spool) if text.is_copied else path
    size = copy.stat().st_size - _length_of_end(copy)
    if size == 0:
        raise HeaderError("is empty, as is the file", "")
    if size < copy.stat().st_size:
        # The file as delivered is kept as it is.
        if copy is path:
            copy = Path(shutil.copyfile(path, spool / "before_end.csv"))
        os.truncate(copy, size)
    with copy.open("rb") as copied, _mapped(copied.fileno()) as data:
        if text.is_copied:
            with path.open("rb") as stream, _mapped(stream.fileno()) as sent:
                yield sent, data, copy
        else:
            yield data, data, copy


def _length_of_end(path: Path) -> int:
    """Bytes of the marks by which DOS ended a text: one, or a block full of them."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _LONGEST_END))
        found = _END.search(stream.read())
    return len(found.group()) if found else 0


def record_at(path: Path, line: int, delimiter: str, encoding: str, spool: Path) -> str:
    """The record that starts on a physical line of a plain CSV file, decoded.

    Raises:
        EventmartError: if it has no such line.
    """
    text = Text(encoding)
    with _text_file(path, text, spool) as (_, data, _):
        grammar = grammar_of(data, delimiter)
        position = 0
        for _ in range(line - 1):
            position = data.find(grammar.newline, position) + 1
            if not position:
                raise EventmartError(f"line {line}: the delivery has fewer")
        found = grammar.record.match(data, position)
        record = found.group(1) if found else data[position : position + 1000]
        return text_of(record, text.codec)


def _transcode(data: mmap.mmap, offset: int, encoding: str, spool: Path) -> Path:
    target = spool / "utf8.csv"
    with target.open("wb") as stream:
        for start in range(offset, len(data), CHUNK):
            chunk = data[start : min(start + CHUNK, len(data))]
            stream.write(decode(chunk, encoding).encode())
            forget(data, start, start + len(chunk))
    return target


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
