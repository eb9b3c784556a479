"""Find the header of a CSV file, and recognize a header that is repeated in it."""

import codecs
import csv
import mmap
from collections.abc import Callable
from dataclasses import dataclass, replace

from loaders.config.feeds import canonical
from loaders.errors import DeliveryError
from loaders.files import csv_limits
from loaders.files.csv_grammar import Grammar
from loaders.files.encodings import text_of

# How much of a file's beginning is looked at to say what its header might be.
_OPENING = 1 << 16
# A name may stand with so many bytes more around it in a second header.
HEADER_PADDING = 16


@dataclass(frozen=True)
class Head:
    """A file's header.

    Attributes:
        names: as sent.
        offset: where the body starts.
        n_lines: physical lines before the body, the header's own and those before it.
        preamble: the text before the header, where the feed allows one.
        opening: the first lines of the file, to say what is wrong with its header.
    """

    names: list[str]
    offset: int
    n_lines: int
    preamble: str = ""
    opening: str = ""


def read_head(
    data: mmap.mmap,
    grammar: Grammar,
    encoding: str,
    fits: Callable[[list[str]], bool] | None = None,
    max_preamble_lines: int = 0,
) -> Head:
    """Read the header record: the first that fits, or the first of all if none does.

    Args:
        data: the text.
        grammar: by which to read it.
        encoding: by which to decode it.
        fits: whether names may be a header of the feed.
        max_preamble_lines: how many lines may stand before it.

    Raises:
        HeaderError: if it is no well-formed record.
    """
    start = position = 3 if data[:3] == codecs.BOM_UTF8 else 0
    opening = text_of(data[start : start + _OPENING], encoding)
    for n_before in range(max_preamble_lines + 1):
        head = _head_at(data, position, grammar, encoding)
        if isinstance(head, Head) and (not fits or fits(head.names)):
            preamble = text_of(data[start:position], encoding)
            return replace(
                head, n_lines=head.n_lines + n_before, preamble=preamble, opening=opening
            )
        position = data.find(grammar.newline, position) + 1
        if not position:
            break
    first = _head_at(data, start, grammar, encoding)
    if isinstance(first, str):
        raise HeaderError(first, opening)
    return replace(first, opening=opening)


class HeaderError(DeliveryError):
    """A file does not begin with a record; its opening may show what it begins with."""

    def __init__(self, fault: str, opening: str) -> None:
        super().__init__("header_unreadable", f"line 1 {fault}")
        self.opening = opening


def _head_at(data: mmap.mmap, position: int, grammar: Grammar, encoding: str) -> Head | str:
    """The header that a record is, or why it can be none."""
    found = grammar.record.match(data, position)
    if not found:
        return "is not a CSV header: it has a single quote mark without a pair"
    if found.end() - position > csv_limits.MAX_RECORD_BYTES:
        return (
            f"is longer than {csv_limits.MAX_RECORD_BYTES:,} bytes, the limit of a record"
        )
    if b"\0" in found.group(1):
        return "contains a NUL byte: is the file text?"
    if found.group(1).count(grammar.delimiter) >= csv_limits.MAX_COLUMNS:
        return f"has more than {csv_limits.MAX_COLUMNS:,} columns; ask for a file of fewer"
    try:
        names = grammar.fields(found.group(1), encoding)
    except UnicodeDecodeError:
        return f"is not in {encoding}, the encoding of the rest of the file"
    except csv.Error:
        return "is not a CSV header: a name in it has more than 131,072 characters"
    return Head(names, found.end(), found.group().count(grammar.newline) or 1)


def header_word(field: str) -> str:
    """A field as it is compared with `header_words`."""
    return field.strip(" \ufeff").lower()


def header_words(names: list[str]) -> set[str]:
    """Words by which a record is recognized as a header, and is no data.

    It is one if one of its first two fields, and more than half of all, are among these.
    """
    plain = {canonical(name) for name in names}
    spaced = {name.replace("_", " ") for name in plain}
    return ({header_word(name) for name in names} | plain | spaced) - {""}
