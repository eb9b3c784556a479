"""What is known of the kiosks, as two whole lists: where they stand is invented."""

import csv
import io
from pathlib import Path

import numpy as np

from demo.catalog import catalog
from demo.truth import Delivery, Truth

HEADER = ("kiosk_id", "place", "kind_of_site", "opened_on", "capacity")
FIRST, SECOND = "kiosk_info_2017-09-27.csv", "kiosk_info_2018-09-25.csv"
_KINDS = ("office", "hospital", "school", "gym", "hotel", "factory")
_FLOORS = ("Lobby", "Second floor", "Break room", "Waiting room", "Canteen", "North wing")
_CAPACITIES = (64, 80, 96)


def write_kiosk_info(out: Path, truth: Truth) -> None:
    """Write both snapshots: in the second one has moved, and one is listed no more.

    The last kiosk is in neither: what nobody wrote down is not known.
    """
    rows = _rows(truth.seed)
    later = [row.copy() for row in rows[:-1]]
    later[2][1:3] = "Main entrance", "hospital"
    for name, listed in ((FIRST, rows), (SECOND, later)):
        path = out / "kiosk_info" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([HEADER, *listed])
        path.write_text(text.getvalue(), encoding="utf-8")
        truth.deliveries.append(_delivery(path, out, len(listed)))
    truth.kiosks.update(
        listed_first=len(rows),
        listed_second=len(later),
        moved=later[2][0],
        no_longer_listed=rows[-1][0],
        never_listed=str(catalog().kiosk_ids[-1]),
    )


def _rows(seed: int) -> list[list[str]]:
    """One row a kiosk, but for the last; drawn from a seed of their own."""
    ids = catalog().kiosk_ids[:-1]
    rng = np.random.default_rng((seed, 5))
    kinds = rng.integers(0, len(_KINDS), ids.size)
    floors = rng.integers(0, len(_FLOORS), ids.size)
    days = rng.integers(0, 700, ids.size)
    capacities = rng.integers(0, len(_CAPACITIES), ids.size)
    opened = np.datetime64("2015-10-01") + days.astype("timedelta64[D]")
    return [
        [
            str(ids[i]),
            _FLOORS[floors[i]],
            _KINDS[kinds[i]],
            str(opened[i]),
            str(_CAPACITIES[capacities[i]]),
        ]
        for i in range(ids.size)
    ]


def _delivery(path: Path, out: Path, records: int) -> Delivery:
    return Delivery(
        feed="kiosk_info",
        file=path.relative_to(out).as_posix(),
        member=None,
        as_of=f"{path.stem.removeprefix('kiosk_info_')}T00:00:00",
        records=records,
        rejected=[],
        blank=0,
        set_aside=[],
        encoding="utf-8",
        layout="kiosk_list",
    )
