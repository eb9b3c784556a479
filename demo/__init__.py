"""Synthetic deliveries in the real formats, with the real faults, at any scale.

Nothing in them is a record of anybody: counts follow what was published, all else is
drawn at random from a seed. Scale 1 is as large as the published files.
"""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo.accidents import write_accidents
from demo.files import landing_order
from demo.kiosks import write_kiosk_info
from demo.places import write_neighborhoods
from demo.products import write_products
from demo.purchases import write_purchases
from demo.service_requests import write_service_requests
from demo.truth import TRUTH_FILE, Truth
from loaders.errors import UsageError

__all__ = ["Truth", "generate"]


def generate(
    out: Path,
    scale: float = 0.02,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    *,
    force: bool = False,
) -> Truth:
    """Write a demo set: the files of six feeds, and what is true of them.

    The same scale and seed give the same bytes. The set appears as a whole: it is
    written beside `out` and renamed, so that a run that is stopped leaves nothing half.

    Args:
        out: the folder to write; replaced if it holds an earlier demo set.
        scale: 1 is the size of the published files; from 0.001 to 1000.
        seed: where everything comes from that was not published.
        progress: told what is being written.
        force: whether files that somebody put into an earlier demo set are removed with it.

    Raises:
        UsageError: for a scale out of range, or a folder that holds something else.
    """
    if not 0.001 <= scale <= 1000:
        raise UsageError(f"scale {scale:g}: must be between 0.001 and 1000")
    _refuse_other_content(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    truth = _write(draft, scale, seed, progress or (lambda _: None))
    truth.write(draft)
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)
    return truth


def _write(draft: Path, scale: float, seed: int, progress: Callable[[str], None]) -> Truth:
    truth = Truth(scale, seed)
    tiles = _tiles(scale)
    progress("neighborhoods, products, kiosks")
    write_neighborhoods(draft, truth)
    write_products(draft, truth)
    write_kiosk_info(draft, truth)

    def write_feed(write: Callable[[Path, Path, Truth, list[float]], None]) -> None:
        name = write.__name__.removeprefix("write_")
        progress(name.replace("_", " "))
        work = draft / f".{name}"
        work.mkdir()
        write(draft, work, truth, tiles)
        shutil.rmtree(work)

    # Two at a time: while one sorts or compresses, the other has DuckDB write.
    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(write_feed, (write_service_requests, write_purchases, write_accidents))
        )
    truth.deliveries = landing_order(truth.deliveries)
    truth.faults.sort(key=lambda fault: (fault.file, fault.kind))
    return truth


def _tiles(scale: float) -> list[float]:
    """Sizes of the parts that a set is made of, one after the other: at most 1 each."""
    whole = int(scale)
    rest = round(scale - whole, 9)
    return [1.0] * whole + ([rest] if rest else [])


def _refuse_other_content(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder for the demo set")
    if not any(out.iterdir()):
        return
    try:
        truth = json.loads((out / TRUTH_FILE).read_text(encoding="utf-8"))
        written = {TRUTH_FILE, *(delivery["file"] for delivery in truth["deliveries"])}
    except (OSError, ValueError, LookupError, TypeError):
        raise UsageError(
            f"{out}: holds files that are no demo set; name another folder or empty it"
        ) from None
    found = (p for p in sorted(out.rglob("*")) if p.is_symlink() or not p.is_dir())
    others = [name for p in found if (name := str(p.relative_to(out))) not in written]
    if others and not force:
        raise UsageError(
            f"{out}: holds {len(others)} files that are not of its demo set, such as "
            f"{others[0]}; nothing was changed; move them away, name another folder, or "
            "have them removed with --force"
        )
