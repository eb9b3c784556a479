"""The seed of federal holidays is what the library `holidays` says.

To write it anew: python -m tests.path.test_holidays > seeds/federal_holidays.csv
"""

import csv
import sys

import holidays

from tests.projects import ROOT

YEARS = range(2000, 2050)


def federal_holidays() -> list[tuple[str, str]]:
    """Date and name of each, those kept on another day because of a weekend, too."""
    found = holidays.country_holidays("US", years=YEARS)
    return [(day.isoformat(), name) for day, name in sorted(found.items())]


def test_the_seed_of_holidays_is_what_the_library_says() -> None:
    with (ROOT / "seeds" / "federal_holidays.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["holiday_date", "holiday_name"]
    # Of one day there is one row: New Year's Day of 2011 is kept on 2010-12-31.
    assert [tuple(row) for row in rows] == federal_holidays()
    assert ("2010-12-31", "New Year's Day (observed)") in federal_holidays()


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([("holiday_date", "holiday_name"), *federal_holidays()])
