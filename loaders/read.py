"""Turn delivered bytes into something DuckDB can read without guessing.

Records are counted here, independently of DuckDB's parser. A file in which every record
is one plain line goes to DuckDB as it is; in any other, and in any that DuckDB's strict
parser refuses, each record is judged here by RFC 4180: the good ones go on, word for
word, with their line in front; the others are rejected with their raw bytes.
"""

import csv
import json
import mmap
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.drops import CHUNK
from loaders.encodings import (
    Text,
    copy_of_utf16,
    decide_encoding,
    decode,
    forget,
    text_of,
)
from loaders.errors import DeliveryError, EventmartError
from loaders.feeds import Limits
from loaders.records import (
    MAX_COLUMNS,
    Body,
    Head,
    HeaderError,
    count_plain_lines,
    grammar_of,
    read_head,
    split_strictly,
)

# GeoJSON is read whole, which takes some ten times its size in memory.
MAX_GEOJSON_BYTES = 256 << 20
# Of what is small in the file and large in memory: lists, objects, and values in them.
MAX_GEOJSON_VALUES = 40_000_000
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


def read_geojson(path: Path, spool: Path, field_bytes: int) -> tuple[Head, str, Body]:
    """Prepare a GeoJSON FeatureCollection: a row per feature, its geometry as text.

    Args:
        path: the bytes as delivered.
        spool: scratch folder.
        field_bytes: how long one property may be, as text.

    Raises:
        DeliveryError: if it is no such collection, or some of it is too large.
    """
    clean = spool / "clean.csv"
    if path.stat().st_size > MAX_GEOJSON_BYTES:
        raise DeliveryError(
            "geojson_too_large",
            f"{path.stat().st_size} bytes, and GeoJSON is read whole: "
            f"{MAX_GEOJSON_BYTES} are allowed; ask for it in parts, or as CSV",
        )
    data = path.read_bytes()
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_GEOJSON_VALUES:
        raise DeliveryError(
            "geojson_too_large",
            f"holds over {MAX_GEOJSON_VALUES:,} values, and GeoJSON is read whole; ask for "
            "it in parts, or as CSV",
        )
    try:
        collection = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_number)
        features = collection["features"]
        rows = [{**f["properties"], "geometry": f["geometry"]} for f in features]
        names = list(dict.fromkeys(name for row in rows for name in row))
        "".join(names).encode()  # A name may be escaped, and be no text.
        _check_shape(len(data), len(rows), len(names))
        with clean.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
            for number, row in enumerate(rows, start=1):
                texts = {name: _json_text(row.get(name)) for name in names}
                _check_lengths(number, texts, field_bytes)
                writer.writerow([number, *texts.values()])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DeliveryError(
            "geojson_unreadable", f"is no GeoJSON FeatureCollection: {error}"
        ) from error
    return Head(names, 0, 0), "utf-8", Body(clean, len(rows), numbered=True)


def _check_shape(n_bytes: int, n_rows: int, n_names: int) -> None:
    """Raise DeliveryError for names that are many, or make many empty cells."""
    # A value with its name takes six bytes at least.
    if n_names > MAX_COLUMNS or n_rows * n_names > max(n_bytes, 1 << 20):
        raise DeliveryError(
            "geojson_too_large",
            f"its {n_rows:,} features have {n_names:,} different properties, and most of "
            f"them lack most; no more than {MAX_COLUMNS:,} are allowed; ask for features "
            "of one kind",
        )


def _check_lengths(number: int, texts: dict[str, str | None], field_bytes: int) -> None:
    """Raise DeliveryError for a property that is too long; outlines may be."""
    for name, text in texts.items():
        if text and name != "geometry" and len(text.encode()) > field_bytes:
            raise DeliveryError(
                "geojson_too_large",
                f"property {name[:60]!r} of feature {number:,} has {len(text.encode()):,} "
                f"bytes, {field_bytes:,} are allowed; ask for shorter texts, or raise "
                "field_bytes of the limits in feeds.yml",
            )


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, if none of its names would replace another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name comes twice in one object: {[*found][:10]}")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number in JSON")


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
