"""Find the encoding of a delivered file, by all of its bytes, and decode by it."""

import codecs
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loaders.errors import DeliveryHeldError
from loaders.files.kept_files import CHUNK

_ASCII = bytes(range(0x80))
_CONTINUATIONS = bytes(range(0x80, 0xC0))
_FIRSTS_OF_FOUR = bytes(range(0xF0, 0xF5))


def _mended_table() -> str:
    """By byte the character of text in cp1252 that was taken for cp850 on its way.

    81, 8D, 8F, 90 and 9D are nothing in cp1252. Characters that became lines and blocks
    of cp850, such as \u00c9, were lost before the text was written in one byte each. FFFE
    stands for none.
    """
    table = [*map(chr, range(128)), *["\ufffe"] * 128]
    for byte in range(128, 256):
        mark = bytes([byte]).decode("cp1252", "ignore")
        sent = mark.encode("cp1252").decode("cp850").encode("cp1252", "ignore")
        if sent:
            table[sent[0]] = mark
    return "".join(table)


# As Python's own decoders have it, though its types do not say so; from a dict they read
# many times slower.
_MENDED: Any = _mended_table()
# An apostrophe within an English word, mangled: what tells this text from plain latin-1.
_MANGLED_WORD = re.compile(rb"[A-Za-z]\xc6(?:s|t|re|ll|ve|d|m)(?=\W)")
# A letter that would turn into a mark where none stands: \u00e9 in `caf\u00e9` a low quote.
_WHOLE_WORD = re.compile(
    rb"[A-Za-z][\xe2\xe4\xe7-\xeb\xee\xef\xf8\xff]|[A-Za-z][\xf4\xf6][a-z]"
)
# A character of several bytes in UTF-8.
CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]"
    rb"|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}"
)
_IS_LETTER = np.array([chr(byte).isalpha() and byte < 0x80 for byte in range(256)])
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Before a touched page, as much as a system may map with it: the largest of its pages.
_SURROUNDINGS = 4 << 20


@dataclass(frozen=True)
class Text:
    """How the bytes of a delivery are read.

    Attributes:
        encoding: by which they are decoded, see `decode`.
        is_whole: every byte of them can be.
        is_doubtful: it holds characters in UTF-8, although it is not as a whole.
    """

    encoding: str
    is_whole: bool = True
    is_doubtful: bool = False

    @property
    def codec(self) -> str:
        """By which it is read here: UTF-16 is read from a copy in UTF-8."""
        return "utf-8" if self.is_copied else self.encoding

    @property
    def is_copied(self) -> bool:
        """Whether it is UTF-16."""
        return self.encoding.startswith("utf-16")


def decode(raw: bytes, encoding: str) -> str:
    """Decode bytes by one of the encodings that `decide_encoding` finds.

    Raises:
        UnicodeDecodeError: if the bytes are not in that encoding.
    """
    if encoding == "cp1252-via-cp850":
        return codecs.charmap_decode(raw, "strict", _MENDED)[0]
    return raw.decode(encoding)


def text_of(raw: bytes, encoding: str) -> str:
    """A text to show: what does not decode is shown as bytes."""
    if encoding == "cp1252-via-cp850":
        return codecs.charmap_decode(raw, "backslashreplace", _MENDED)[0]
    return raw.decode(encoding, "backslashreplace")


def decide_encoding(path: Path, candidates: tuple[str, ...]) -> Text:
    """Find the first of the feed's encodings in which the whole file reads.

    UTF-16 is taken on evidence only: a byte order mark, or a beginning in which every
    second byte is a NUL. So is `cp1252-via-cp850`: every byte beyond ASCII stands for a
    mangled character, one of them is an apostrophe within a word, and none is a letter
    of a word as it is.

    In a file of two encodings, UTF-8 and another, the one with more characters beyond
    ASCII wins, and records of the other are rejected one by one; so are records that do
    not read, if no encoding fits.

    Raises:
        DeliveryHeldError: for UTF-16 or UTF-32 that the feed does not expect.
    """
    with path.open("rb") as stream:
        wide = wide_encoding(stream.read(512))
    expected = ", ".join(candidates)
    if wide:
        if wide.startswith("utf-16") and "utf-16" in candidates:
            return Text(wide)
        raise DeliveryHeldError(
            "unexpected_encoding",
            f"the file is in {wide}, but its feed expects {expected}; ask for UTF-8, or, "
            "for UTF-16, add utf-16 to the feed's encodings in feeds.yml and accept it",
        )
    narrow = [name for name in candidates if name != "utf-16"]
    if not narrow:
        raise DeliveryHeldError(
            "unexpected_encoding",
            "the file does not look like UTF-16, the only encoding of its feed; add the "
            "file's encoding to the feed's encodings in feeds.yml and accept it",
        )
    survey = _survey(path)
    is_mixed = False
    if not survey.is_utf8 and "utf-8" in narrow:
        n_characters, n_loose = count_characters(path)
        if n_characters and n_characters >= n_loose:
            return Text("utf-8", is_whole=False)
        is_mixed = n_characters > 0
    for name in narrow:
        fits = {"utf-8": survey.is_utf8, "cp1252-via-cp850": survey.is_mangled}
        if fits.get(name, True) and (name == "utf-8" or reads(survey.high, name)):
            return Text(name, is_doubtful=is_mixed and name != "utf-8")
    return Text(narrow[0], is_whole=False, is_doubtful=is_mixed and narrow[0] != "utf-8")


def wide_encoding(opening: bytes) -> str | None:
    """UTF-16 or UTF-32, if a file that begins like this is in it."""
    for mark, encoding in _MARKS.items():
        if opening.startswith(mark):
            return encoding
    # Without a mark: a first line of nothing but ASCII in units of two bytes.
    for encoding, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        line = opening[low::2].partition(b"\n")[0]
        is_wide = not any(opening[high::2][: len(line)])
        if len(line) >= 2 and is_wide and line.isascii() and 0 not in line:
            return encoding
    return None


@dataclass
class _Survey:
    """What a file's bytes beyond ASCII are."""

    high: bytes
    is_utf8: bool
    is_mangled: bool


def _survey(path: Path) -> _Survey:
    high: set[int] = set()
    is_utf8, is_mangled, is_whole, tail = True, False, False, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if not chunk.isascii():
                high.update(chunk.translate(None, _ASCII))
            if high and not is_whole:
                words = _odd_words(tail + chunk)
                is_mangled = is_mangled or bool(_MANGLED_WORD.search(words))
                is_whole = bool(_WHOLE_WORD.search(words))
            tail = chunk[-8:]
            is_utf8 = is_utf8 and _continues(decoder, chunk)
    is_utf8 = is_utf8 and _continues(decoder, b"", final=True)
    return _Survey(bytes(sorted(high)), is_utf8, is_mangled and not is_whole)


def count_characters(path: Path) -> tuple[int, int]:
    """Characters of several bytes in UTF-8, and bytes beyond ASCII that are in none."""
    n_characters, n_loose, rest = 0, 0, b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            # A character that the chunk cuts is counted with the next one.
            whole = rest + chunk
            end = len(whole) - 1
            while end > max(len(whole) - 4, 0) and 0x80 <= whole[end] < 0xC0:
                end -= 1
            rest = whole[end:]
            n_found, n_others = _counted(whole[:end])
            n_characters += n_found
            n_loose += n_others
    n_found, n_others = _counted(rest)
    return n_characters + n_found, n_loose + n_others


def _counted(raw: bytes) -> tuple[int, int]:
    """The same for bytes that cut no character."""
    every = np.frombuffer(raw, np.uint8)
    at = np.flatnonzero(every & 0x80)
    runs = np.insert(every[at], np.flatnonzero(np.diff(at) > 1) + 1, ord(" "))
    loose, n_found = CHARACTER.subn(b"", runs.tobytes())
    return n_found, len(loose.translate(None, _ASCII))


def _odd_words(raw: bytes) -> bytes:
    """Where a byte beyond ASCII is behind a letter: these two and three more, each apart.

    The two patterns need no more, and would take long to find these places.
    """
    every = np.frombuffer(raw, np.uint8)
    at = np.flatnonzero(_IS_LETTER[every[:-1]] & (every[1:] >= 0x80))
    return b" ".join(raw[place : place + 5] for place in at.tolist())


def _continues(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False
) -> bool:
    if chunk.isascii() and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def reads(raw: bytes, encoding: str) -> bool:
    """Whether bytes can be decoded."""
    try:
        decode(raw, encoding)
    except UnicodeDecodeError:
        return False
    return True


def copy_of_utf16(path: Path, encoding: str, spool: Path) -> Path:
    """Write a UTF-16 file in UTF-8, in such a way that each byte can be traced back.

    What is no character there is none in the copy: half of a pair stays half of one, and
    a last odd byte becomes FF, which is nothing in UTF-8.
    """
    copy = spool / "utf8_of_utf16.csv"
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    with path.open("rb") as source, copy.open("wb") as target:
        source.seek(mark_length(source.read(2)))
        while chunk := source.read(CHUNK):
            target.write(decoder.decode(chunk).encode("utf-8", "surrogatepass"))
        rest = bytes(decoder.getstate()[0])
        units = rest[: len(rest) // 2 * 2].decode(encoding, "surrogatepass")
        target.write(units.encode("utf-8", "surrogatepass"))
        target.write(b"\xff" * (len(rest) % 2))
    return copy


def mark_length(opening: bytes) -> int:
    """Bytes of the byte order mark that a file begins with."""
    if opening[:3] == codecs.BOM_UTF8:
        return 3
    return 2 if opening[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else 0


def length_in_utf16(copy: mmap.mmap, start: int, end: int) -> int:
    """Bytes that a piece of `copy_of_utf16` had in the file as delivered."""
    n_bytes = 0
    for piece in pieces(copy, start, end):
        firsts = piece.translate(None, _CONTINUATIONS)
        n_pairs = len(firsts) - len(firsts.translate(None, _FIRSTS_OF_FOUR))
        n_bytes += 2 * (len(firsts) + n_pairs) - firsts.endswith(b"\xff")
    return n_bytes


def forget(data: mmap.mmap, start: int, end: int) -> None:
    """Give back the memory of a part that has been read: all of a file would count as ours.

    It may be read again. Systems without this advice (Windows) see to it themselves.
    """
    if hasattr(data, "madvise"):
        # What is touched comes with its surroundings, also with those given back before.
        first = max(start - _SURROUNDINGS, 0)
        first -= first % mmap.PAGESIZE
        data.madvise(mmap.MADV_DONTNEED, first, end - first)


def pieces(data: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    """A part of a file, in chunks."""
    for position in range(start, end, CHUNK):
        yield data[position : min(position + CHUNK, end)]
