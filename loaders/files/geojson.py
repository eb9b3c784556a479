"""Turn a GeoJSON FeatureCollection into records."""

import csv
import json
from pathlib import Path

from loaders.errors import DeliveryError
from loaders.files.csv_header import Head
from loaders.files.csv_limits import MAX_COLUMNS
from loaders.files.csv_records import Body

# GeoJSON is read whole, which takes some ten times its size in memory.
MAX_GEOJSON_BYTES = 256 << 20


# Lists, objects, and values in them: small in the file and large in memory.
MAX_GEOJSON_VALUES = 40_000_000


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
            "geojson_unreadable", f"is not a GeoJSON FeatureCollection: {error}"
        ) from error
    return Head(names, 0, 0), "utf-8", Body(clean, len(rows), numbered=True)


def _check_shape(n_bytes: int, n_rows: int, n_names: int) -> None:
    """Raise DeliveryError for names that are many, or make many empty cells."""
    # A value with its name takes six bytes at least.
    if n_names > MAX_COLUMNS or n_rows * n_names > max(n_bytes, 1 << 20):
        raise DeliveryError(
            "geojson_too_large",
            f"its {n_rows:,} features have {n_names:,} different properties, and most "
            f"features lack most of them; no more than {MAX_COLUMNS:,} are allowed; ask "
            "for features of one kind",
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
        raise ValueError(f"a name appears twice in one object: {[*found][:10]}")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not a number in JSON")
