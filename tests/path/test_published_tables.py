"""At the real size, queries on the published file give the published tables back."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest

from tests.projects import Project, new_project

pytestmark = [
    pytest.mark.full,
    pytest.mark.real_data,
    pytest.mark.xdist_group("whole"),
]

# The published bins of the UTC hour.
DAYPART = """case
    when hour(purchased_at_utc) <= 12 then 'Morning'
    when hour(purchased_at_utc) <= 17 then 'Afternoon'
    else 'Evening' end"""
# Table -> what it counts purchases by. Cards are invented: of them only counts compare.
PURCHASES = {
    "expected_products": "product_id",
    "expected_kiosks": "kiosk_id",
    "expected_fc": "fc_number",
    "expected_time_of_day": DAYPART,
    "expected_cards": "customer_key",
    "expected_product_time_of_day": f"product_id, {DAYPART}",
    "expected_kiosk_product": "kiosk_id, product_id",
    "expected_card_product": "customer_key, product_id",
}
CITY = {
    "27_311_status_by_month": ("status_label", "service_requests"),
    "28_311_source_by_month": ("source_label", "service_requests"),
    "29_311_type_by_month": ("type_label", "service_requests"),
    "30_traffic_by_month": ("offense_category", "accidents"),
    "31_traffic_by_district_month": ("district", "accidents"),
    "32_traffic_top10_precinct_month": ("precinct", "accidents"),
    "36_traffic_top10_neighborhood_month": ("neighborhood_slug", "accidents"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("whole"))
    assert project.eventmart("demo", "--scale", "1").exit_code == 0
    project.land()
    project.dbt("build", "--exclude-resource-type", "unit_test")
    project.publish()
    return project


def normal(rows: Iterable[tuple]) -> list[tuple]:
    """Rows as text, numbers as whole ones."""
    return [tuple(str(value).removesuffix(".0") for value in row) for row in rows]


def published(path: Path) -> list[tuple]:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "card_hash" in table:
        table = table.drop(columns="card_hash")
    return normal(table.itertuples(index=False, name=None))


@pytest.mark.parametrize("table", PURCHASES)
def test_a_published_table_of_purchases_is_reproduced(
    whole: Project, real_data: Path, table: str, report: Callable[[str, str], None]
) -> None:
    expected = published(real_data / "purchases" / f"{table}.csv")
    by = PURCHASES[table]
    with whole.published() as connection:
        found = connection.execute(
            f"select {by}, count(*) as n from marts.fct_purchases "
            "where fc_number is not null or ? group by all order by n desc",
            [table != "expected_fc"],
        ).fetchall()
    if "customer_key" in by:
        unknown = unknown_customer(whole)
        found = [row[1:] for row in found if row[0] != unknown]
    found = normal(found)
    # Each published row is there, and the first of them are first here. (Of long tables
    # the first 30 and the last 30 rows were printed.)
    assert not Counter(expected) - Counter(found)
    n_first = 30 if len(expected) == 60 else len(expected)
    assert Counter(found[:n_first]) == Counter(expected[:n_first])
    if table == "expected_products":
        assert Counter(found[-30:]) == Counter(expected[-30:])
    report("Published tables, demo at scale 1", f"{table}: {len(expected)} rows, equal")


def unknown_customer(whole: Project) -> UUID:
    with whole.published() as connection:
        found = connection.execute(
            "select customer_key from marts.dim_customers where not is_known"
        ).fetchall()
    ((key,),) = found
    return key


@pytest.mark.parametrize("table", CITY)
def test_a_published_table_of_the_city_is_reproduced(
    whole: Project, real_data: Path, table: str, report: Callable[[str, str], None]
) -> None:
    column, fact = CITY[table]
    # A request with a time of day in its date column belongs to no published month.
    date = (
        "case when not has_time_in_created_date then requested_at end"
        if fact == "service_requests"
        else "reported_at"
    )
    path = real_data / "published_2016" / f"{table}.csv"
    expected = [row for row in published(path) if row[-1] != "0"]
    with whole.published() as connection:
        found = connection.execute(
            f"""
            select {column}, cast(date_trunc('month', {date}) as date), count(*)
            from marts.fct_{fact}
            inner join marts.dim_neighborhoods using (neighborhood_key)
            where record_state = 'current' and {column} is not null and {date} is not null
            group by all
            """
        ).fetchall()
    labels = {row[0] for row in expected}
    if "top10" in table:
        # The ten were chosen by their totals, and so are ours.
        totals = pd.DataFrame(found, columns=["label", "month", "n"]).groupby("label")["n"]
        first_ten = totals.sum().drop("unknown", errors="ignore").nlargest(10)
        assert set(first_ten.index) == labels
    ours = normal(row for row in found if str(row[0]) in labels)
    assert Counter(ours) == Counter(expected)
    report("Published tables, demo at scale 1", f"{table}: {len(expected)} rows, equal")


def test_the_mass_close_of_the_demo_is_found_and_no_other(
    whole: Project, report: Callable[[str, str], None]
) -> None:
    with whole.published() as connection:
        found = connection.execute(
            "select closed_date, count(*), sum(n_late_closes) "
            "from reports.rpt_mass_close_days group by closed_date"
        ).fetchall()
    ((day, n_types, n_late),) = found
    assert str(day) == "2016-09-26"
    report(
        "Time to close",
        f"mass closes, demo at scale 1: the one day planted is found, in {n_types} types "
        f"with {n_late:,} late closes, and no other",
    )
