"""What reports say of service requests, against lifelines, pandas and known truth."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy import stats

from tests.projects import Project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

AS_OF = pd.Timestamp("2016-12-31 23:00:00")
DIMENSIONS = {
    "overall": [],
    "type": ["agency", "request_type"],
    "agency": ["agency"],
    "source": ["source"],
    "neighborhood": ["neighborhood_name"],
    "council_district": ["council_district"],
    "police_district": ["police_district"],
}
MONTHS = {"request_month": ["request_month"]}
FEW = {dimension: DIMENSIONS[dimension] for dimension in ("overall", "type", "source")}
# The models that are built for a report, in order.
TIME_TO_CLOSE = (
    *("int_requests_labelled", "int_request_times_estimated"),
    *("fct_request_close_days", "rpt_time_to_close"),
)
NEIGHBORHOOD_GAPS = (
    *("int_requests_labelled", "int_request_type_curves_estimated"),
    "rpt_neighborhood_request_gaps",
)
QUANTILES = {"median": 0.5, "p90": 0.1}


# ---------------------------------------------------------------- oracles


def facts(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Requests that count, with the days for which each was seen to be open."""
    found = connection.execute(
        "select * exclude (n.neighborhood_key) from marts.fct_service_requests "
        "inner join marts.dim_neighborhoods as n using (neighborhood_key) "
        "where record_state <> 'withdrawn'"
    ).df()
    ((newest,),) = connection.execute(
        "select max(as_of_at) from marts.fct_deliveries "
        "where feed = 'service_requests' and status = 'landed'"
    ).fetchall()
    last_seen = found["last_held_at"].fillna(newest).dt.normalize()
    begin, close = found["request_date"], found["closed_date"]
    days = (last_seen.where(found["is_open"], close) - begin).dt.days
    found["days"] = days.mask(~found["is_open"] & found["has_misstamped_close"])
    for column in ("council_district", "police_district"):
        found[column] = found[column].fillna("Unknown")
    found["request_month"] = begin.dt.strftime("%Y-%m")
    return found


def groups(found: pd.DataFrame, dimensions: dict[str, list[str]]) -> dict:
    """(dimension, value) -> requests."""
    parts = {}
    for dimension, columns in dimensions.items():
        if not columns:
            parts[dimension, "All"] = found
            continue
        for value, part in found.groupby(columns):
            parts[dimension, " / ".join(value)] = part
    return parts


def curve(part: pd.DataFrame) -> pd.DataFrame | None:
    """The Kaplan-Meier curve of lifelines, with its interval where there is one."""
    watched = part.dropna(subset="days")
    if watched.empty:
        return None
    fitted = KaplanMeierFitter().fit(watched["days"], ~watched["is_open"].astype(bool))
    found = fitted.survival_function_.join(fitted.confidence_interval_)
    found.columns = ["open_share", "open_share_low", "open_share_high"]
    # Before the first close nothing varies; after the last one nothing is left.
    certain = (found["open_share"] == 1) | (found["open_share"] == 0)
    found.loc[certain, ["open_share_low", "open_share_high"]] = np.nan
    return found.loc[np.unique(watched["days"])].set_index(
        np.unique(watched["days"]).astype(int)
    )


def first_day(found: pd.Series, share: float) -> float:
    reached = found.index[found <= share + 1e-12]
    return reached[0] if len(reached) else np.nan


def expected_figures(part: pd.DataFrame, found: pd.DataFrame | None) -> dict[str, float]:
    closed = part.loc[~part["is_open"], "days"].dropna()
    figures = {"n_watched": part["days"].count(), "n_measured_in_days": len(closed)}
    for name, share in QUANTILES.items():
        for suffix in ("", "_low", "_high"):
            figures[f"{name}_days_to_close{suffix}"] = (
                np.nan if found is None else first_day(found[f"open_share{suffix}"], share)
            )
        figures[f"{name}_days_of_closed"] = (
            np.quantile(closed, 1 - share, method="inverted_cdf") if len(closed) else np.nan
        )
    return figures


def compiled(built: Project, model: str) -> str:
    found = (built.paths.target / "compiled").rglob(f"{model}.sql")
    (path,) = (path for path in found if ".yml" not in str(path))
    return path.read_text()


def steps(built: Project) -> str:
    """The query of the curves, on published tables alone."""
    sql = compiled(built, "int_request_times_estimated").replace(
        '"intermediate"."intermediate"."int_requests_labelled"',
        f"({compiled(built, 'int_requests_labelled')})",
    )
    return re.sub(r"select \* from quantiles\s*$", "select * from survival_steps", sql)


def assert_report_equals_lifelines(
    connection: duckdb.DuckDBPyConnection,
    curves_sql: str,
    dimensions: dict[str, list[str]] = DIMENSIONS,
) -> str:
    """Compare the curves and figures of dimensions; returns how many there were."""
    parts = groups(facts(connection), dimensions)
    curves = {key: curve(part) for key, part in parts.items()}
    by = ["dimension", "dimension_value"]
    report = connection.execute(
        "select * from reports.rpt_time_to_close where list_contains(?, dimension)",
        [list(dimensions)],
    ).df()
    report = report.set_index(by)
    figures = {key: expected_figures(part, curves[key]) for key, part in parts.items()}
    expected = pd.DataFrame(figures).T
    pd.testing.assert_frame_equal(
        report[expected.columns].astype(float).sort_index(),
        expected.astype(float).sort_index(),
        check_names=False,
        rtol=1e-9,
    )
    known = {key: found for key, found in curves.items() if found is not None}
    theirs = pd.concat(known, names=[*by, "watched_days"])
    ours = connection.execute(curves_sql).df()
    ours = ours[ours["dimension"].isin(dimensions)].set_index([*by, "watched_days"])
    pd.testing.assert_frame_equal(
        ours[theirs.columns].sort_index(), theirs.sort_index(), rtol=0, atol=1e-9
    )
    return f"{len(expected)} rows and {len(theirs):,} steps of curves"


# ---------------------------------------------------------------- simulated requests


def simulated(folder: Path, requests: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """A build file that holds these requests, for compiled queries to run on."""
    blank = {
        "record_state": "current",
        "neighborhood_key": "baker",
        "agency": "Finance",
        "request_type": "Request",
        "source": "Phone",
        "council_district": "1",
        "police_district": "1",
        "close_time_quality": "date_only",
        "hours_to_close": np.nan,
        "last_held_at": pd.NaT,
        "has_misstamped_close": False,
        "was_closed_at_once": False,
        "identity_key": "",
        "status": "New",
        "status_family": "open",
        "first_call_resolution": "unknown",
        "n_equal_identities": 1,
    }
    requests = requests.assign(**{k: v for k, v in blank.items() if k not in requests})
    requests = requests.assign(
        request_type_key=requests["agency"] + requests["request_type"],
        closed_date=requests["request_date"]
        + pd.to_timedelta(requests["days_to_close"], unit="D"),
    )
    slugs = sorted(set(requests["neighborhood_key"]))
    connection = duckdb.connect(str(folder / "eventmart.duckdb"))
    connection.execute("create schema marts; create schema reports")
    connection.execute("attach ':memory:' as intermediate")
    connection.execute("create schema intermediate.intermediate")
    connection.register("requests", requests)
    connection.execute(
        "create table marts.fct_service_requests as select * replace "
        "(cast(request_date as date) as request_date, "
        "cast(closed_date as date) as closed_date, "
        "cast(days_to_close as integer) as days_to_close, "
        "cast(last_held_at as timestamp) as last_held_at) from requests"
    )
    connection.execute(
        "create table marts.dim_neighborhoods as select unnest(?) as neighborhood_key, "
        "neighborhood_key as neighborhood_slug, neighborhood_key as neighborhood_name, "
        "neighborhood_key <> 'unknown' as is_known",
        [slugs],
    )
    connection.execute(
        "create table marts.fct_deliveries as select 'service_requests' as feed, "
        "'landed' as status, cast(? as timestamp) as as_of_at",
        [AS_OF],
    )
    return connection


def build(connection: duckdb.DuckDBPyConnection, built: Project, model: str) -> None:
    layer, _, _ = model.partition("_")
    schema = {"rpt": "reports", "int": "intermediate.intermediate"}.get(layer, "marts")
    connection.execute(f"create table {schema}.{model} as {compiled(built, model)}")


def weibull_requests(
    rng: np.random.Generator, n: int, shape: float, median: float, watched_days: int
) -> pd.DataFrame:
    """Requests that came evenly, closed after Weibull times, if by the as-of."""
    came = AS_OF - pd.to_timedelta(rng.random(n) * watched_days, unit="D")
    scale = median / np.log(2) ** (1 / shape)
    closed = came + pd.to_timedelta(scale * rng.weibull(shape, n), unit="D")
    days = (closed.normalize() - came.normalize()).days
    is_open = closed > AS_OF
    return pd.DataFrame(
        {
            "request_date": came.normalize(),
            "days_to_close": pd.Series(days, dtype=float).mask(is_open),
            "is_open": is_open,
        }
    )


def weibull_p90(shape: float, median: float) -> float:
    return median * (np.log(10) / np.log(2)) ** (1 / shape)


# ---------------------------------------------------------------- time to close


def test_time_to_close_equals_lifelines_on_the_demo(built: Project) -> None:
    with built.published() as connection:
        assert_report_equals_lifelines(connection, steps(built), FEW)


@pytest.mark.full
def test_time_to_close_equals_lifelines_on_the_demo_in_every_dimension(
    built: Project, report: Callable[[str, str], None]
) -> None:
    with built.published() as connection:
        compared = assert_report_equals_lifelines(
            connection, steps(built), DIMENSIONS | MONTHS
        )
    report("Time to close", f"the demo: {compared}, equal to lifelines to 1e-9")


@pytest.mark.parametrize(("shape", "median"), [(1.0, 40.0), (0.8, 60.0)])
def test_the_truth_is_found_where_closed_requests_alone_miss_it(
    built: Project, tmp_path: Path, shape: float, median: float
) -> None:
    requests = weibull_requests(np.random.default_rng(11), 20_000, shape, median, 366)
    with simulated(tmp_path, requests) as connection:
        for model in TIME_TO_CLOSE:
            build(connection, built, model)
        assert_report_equals_lifelines(connection, steps(built), {"overall": []})
        found = connection.execute(
            "select * from reports.rpt_time_to_close where dimension = 'overall'"
        ).df()
    truth = {"median": median, "p90": weibull_p90(shape, median)}
    for name, days in truth.items():
        assert found[f"{name}_days_to_close"][0] == pytest.approx(days, rel=0.03)
        assert found[f"{name}_days_of_closed"][0] < 0.9 * days


@pytest.mark.full
def test_intervals_of_the_time_to_close_hold_what_they_promise(
    built: Project, tmp_path: Path, report: Callable[[str, str], None]
) -> None:
    rng, n_samples, n = np.random.default_rng(5), 400, 2_000
    shape, median = 0.8, 60.0
    samples = [
        weibull_requests(rng, n, shape, median, 600).assign(source=f"{i:03}")
        for i in range(n_samples)
    ]
    with simulated(tmp_path, pd.concat(samples, ignore_index=True)) as connection:
        for model in TIME_TO_CLOSE:
            build(connection, built, model)
        found = connection.execute(
            "select * from reports.rpt_time_to_close where dimension = 'source'"
        ).df()
    assert len(found) == n_samples
    for name, days in {"median": median, "p90": weibull_p90(shape, median)}.items():
        low, high = (found[f"{name}_days_to_close_{end}"] for end in ("low", "high"))
        # In whole days: the true time may fall on either side of midnight.
        covered = ((low <= days + 0.5) & (high.fillna(np.inf) >= days - 0.5)).mean()
        error = found[f"{name}_days_to_close"].mean() / days - 1
        naive = found[f"{name}_days_of_closed"].mean() / days - 1
        assert 0.92 <= covered <= 0.98
        assert abs(error) < 0.03
        assert naive < -0.2
        report(
            "Time to close",
            f"{name} of {days:.0f} days, {n_samples} samples of {n:,} requests watched for "
            f"up to 600 days: off by {error:+.1%} on average with open requests counted "
            f"(95 % interval holds it in {covered:.1%}), by {naive:+.1%} without",
        )


# ---------------------------------------------------------------- mass closes


def test_the_bound_of_a_mass_close_is_never_below_the_chance(built: Project) -> None:
    with built.published() as connection:
        days = connection.execute("select * from marts.fct_request_close_days").df()
    chance = stats.poisson.sf(days["n_late_closes"] - 1, days["ordinary_n_late_closes"])
    assert len(days) > 100
    assert (days["chance_share"] >= chance - 1e-12).all()


def test_a_sweep_of_old_requests_is_found_and_busy_days_are_not(
    built: Project, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    requests = weibull_requests(rng, 30_000, 0.5, 3, 700)
    # A storm: a day of twenty times the ordinary requests, closed as soon as others.
    storm = weibull_requests(rng, 800, 0.5, 3, 1).assign(
        request_date=pd.Timestamp("2016-03-23"), is_open=False
    )
    storm["days_to_close"] = storm["days_to_close"].fillna(1)
    requests = pd.concat([requests, storm], ignore_index=True)
    # A sweep: what has been open for over two months is closed on one day.
    sweep = pd.Timestamp("2016-09-26")
    age = (sweep - requests["request_date"]).dt.days
    old = (age > 60) & ~(requests["days_to_close"] <= age)
    requests.loc[old, "days_to_close"] = age[old]
    requests.loc[old, "is_open"] = False
    with simulated(tmp_path, requests) as connection:
        for model in TIME_TO_CLOSE:
            build(connection, built, model)
        marked = connection.execute(
            "select closed_date, n_late_closes from marts.fct_request_close_days "
            "where is_mass_close"
        ).fetchall()
        ((share,),) = connection.execute(
            "select mass_close_share from reports.rpt_time_to_close "
            "where dimension = 'overall'"
        ).fetchall()
    ((day, n_late),) = marked
    assert day == sweep.date()
    assert n_late >= old.sum() > 50
    assert share == pytest.approx(n_late / requests["days_to_close"].count())


# ---------------------------------------------------------------- neighborhoods


def place_requests(rng: np.random.Generator, n: int, slow: str | None) -> pd.DataFrame:
    """Requests of quick and slow types, of which places ask for unlike shares."""
    places = np.array(["auraria", "baker", "belcaro", "berkeley", "cole", "unknown"])
    place = rng.integers(0, places.size, n)
    kind = (rng.random(n) < 0.15 + 0.14 * place).astype(int)
    medians = np.where(kind == 1, 50.0, 5.0) * np.where(places[place] == slow, 1.4, 1.0)
    requests = weibull_requests(rng, n, 1.0, 1.0, 366)
    came = requests["request_date"]
    days = np.floor(rng.random(n) + medians / np.log(2) * rng.exponential(1, n))
    watched = (AS_OF.normalize() - came).dt.days
    requests["is_open"] = days > watched
    requests["days_to_close"] = pd.Series(days).mask(requests["is_open"])
    return requests.assign(
        neighborhood_key=places[place], request_type=np.array(["quick", "slow"])[kind]
    )


def expected_gaps(found: pd.DataFrame) -> pd.DataFrame:
    """Share closed by the city's median of each type, standardised, with lifelines."""
    found = found[found["is_known"]].dropna(subset="days")
    rows = []
    for _, city in found.groupby("request_type_key"):
        in_city = curve(city)["open_share"]
        day = first_day(in_city, 0.5)
        if np.isnan(day):
            continue
        for place, part in city.groupby("neighborhood_name"):
            fitted = KaplanMeierFitter().fit(part["days"], ~part["is_open"])
            share = 1 - fitted.predict(day)
            if len(part) < 20 or (part["days"].max() < day and share < 1):
                continue
            table = fitted.event_table.loc[:day]
            died, at_risk = table["observed"], table["at_risk"]
            city_share = 1 - in_city[day]
            variance = city_share * (1 - city_share) / len(part)
            if 0 < share < 1:
                variance = (1 - share) ** 2 * (died / at_risk / (at_risk - died)).sum()
            rows.append((place, len(part), len(city), share, city_share, variance))
    cells = pd.DataFrame(rows, columns=["place", "n", "w", "share", "city", "variance"])
    figures = {}
    for place, part in cells.groupby("place"):
        weight = part["w"] / part["w"].sum()
        share, city = (weight * part["share"]).sum(), (weight * part["city"]).sum()
        error = np.sqrt((weight**2 * part["variance"]).sum())
        figures[place] = {
            "n_requests": part["n"].sum(),
            "n_types": len(part),
            "crude_closed_in_time_share": np.average(part["share"], weights=part["n"]),
            "closed_in_time_share": share,
            "city_closed_in_time_share": city,
            "gap_to_city": share - city,
            "gap_to_city_low": share - city + stats.norm.ppf(0.025) * error,
            "gap_to_city_high": share - city + stats.norm.ppf(0.975) * error,
        }
    return pd.DataFrame(figures).T


def gaps(built: Project, folder: Path, requests: pd.DataFrame) -> pd.DataFrame:
    folder.mkdir(exist_ok=True)
    with simulated(folder, requests) as connection:
        for model in NEIGHBORHOOD_GAPS:
            build(connection, built, model)
        expected = expected_gaps(facts(connection))
        found = connection.execute(
            "select * from reports.rpt_neighborhood_request_gaps order by neighborhood_name"
        ).df()
    found = found.set_index("neighborhood_name")
    pd.testing.assert_frame_equal(
        found[expected.columns].astype(float), expected, check_names=False, rtol=1e-9
    )
    return found


def test_a_neighborhood_that_asks_for_other_things_has_no_gap_for_that(
    built: Project, tmp_path: Path
) -> None:
    requests = place_requests(np.random.default_rng(2), 8_000, None)
    found = gaps(built, tmp_path, requests)
    assert set(found.index) == {"auraria", "baker", "belcaro", "berkeley", "cole"}
    assert found["gap_z_score"].abs().max() < 3
    # Few of one type: too few to say.
    few = requests["request_type"].eq("slow") & requests["neighborhood_key"].eq("cole")
    few = requests.drop(index=requests[few].index[19:])
    found = gaps(built, tmp_path / "few", few)
    assert found.loc["cole", "n_types"] == 1


def test_a_neighborhood_that_waits_longer_has_a_gap(built: Project, tmp_path: Path) -> None:
    requests = place_requests(np.random.default_rng(4), 8_000, "cole")
    found = gaps(built, tmp_path, requests)["gap_z_score"]
    assert found["cole"] < -3.4
    assert found.drop("cole").abs().max() < 3.4


# ---------------------------------------------------------------- volumes and places


def test_volumes_equal_counts_with_pandas(built: Project) -> None:
    with built.published() as connection:
        report = connection.execute("select * from reports.rpt_request_volumes").df()
        found = facts(connection)
        versions = connection.execute(
            "select * from marts.fct_service_request_versions "
            "where not has_equal_identities"
        ).df()
        ((newest,),) = connection.execute(
            "select max(as_of_at) from marts.fct_deliveries "
            "where feed = 'service_requests' and status = 'landed'"
        ).fetchall()
    said = versions.sort_values("version_number")
    closes = said[~said["is_open"]].drop_duplicates("identity_key")
    closes = closes.set_index("identity_key")[["version_number", "valid_from_at"]]
    said = said.join(closes, on="identity_key", rsuffix="_of_close")
    again = said[
        said["is_open"] & (said["version_number"] > said["version_number_of_close"])
    ]
    found["first_closed_at"] = found["identity_key"].map(closes["valid_from_at"])
    found["is_followed"] = found["first_closed_at"] < found["last_held_at"].fillna(newest)
    found["was_reopened"] = found["identity_key"].isin(again["identity_key"])
    found["closed_month"] = (
        found["closed_date"]
        .dt.strftime("%Y-%m")
        .where(found["days"].notna() & ~found["is_open"])
    )
    for key, part in groups(found, DIMENSIONS).items():
        dimension, value = key
        ours = report[
            (report["dimension"] == dimension) & (report["dimension_value"] == value)
        ]
        ours = ours.set_index(ours["month_start_date"].dt.strftime("%Y-%m"))
        created, closed = part.groupby("request_month"), part.groupby("closed_month")
        known = part[part["first_call_resolution"] != "unknown"].groupby("request_month")
        expected = pd.DataFrame(
            {
                "n_requests": created.size(),
                "n_closes": closed.size(),
                "first_call_share": known["first_call_resolution"].agg(
                    lambda said: (said == "yes").mean()
                ),
                "n_followed_after_close": created["is_followed"].sum(),
                "reopened_share": part[part["is_followed"]]
                .groupby("request_month")["was_reopened"]
                .mean(),
                "void_share": created["status_family"].agg(lambda s: (s == "void").mean()),
            }
        )
        counts = ["n_requests", "n_closes", "n_followed_after_close"]
        expected[counts] = expected[counts].fillna(0)
        pd.testing.assert_frame_equal(
            ours[expected.columns].sort_index().astype(float),
            expected.sort_index().astype(float),
            check_names=False,
            rtol=1e-12,
        )
    sums = report.groupby(["month_start_date", "dimension"])["n_requests"].sum().unstack()
    assert sums.nunique(axis="columns").eq(1).all()


def test_partial_months_are_those_that_no_window_covers(built: Project) -> None:
    with built.published() as connection:
        found = connection.execute(
            "select distinct strftime(month_start_date, '%Y-%m'), n_days_covered "
            "from reports.rpt_request_volumes where is_partial_month order by all"
        ).fetchall()
    # The first whole day of a window is 2015-09-15, the last 2016-10-12.
    assert found == [("2015-09", 16), ("2016-10", 12)]


def test_repeat_locations_equal_a_search_with_pandas(
    built: Project, tmp_path: Path
) -> None:
    rng, n = np.random.default_rng(8), 1_500
    requests = weibull_requests(rng, n, 1.0, 5, 366).assign(
        service_request_key=rng.permutation(n),
        longitude=-105 + rng.integers(0, 12, n) / 1000 + rng.uniform(-4e-4, 4e-4, n),
        latitude=39.7 + rng.integers(0, 12, n) / 1000 + rng.uniform(-4e-4, 4e-4, n),
        request_type=rng.choice(["Request", "Complaint"], n),
        has_usable_point=rng.random(n) < 0.95,
        status_family=rng.choice(["resolved", "void"], n, p=[0.9, 0.1]),
    )
    requests["requested_at"] = requests["request_date"] + pd.to_timedelta(
        rng.integers(0, 86_400, n), unit="s"
    )
    with simulated(tmp_path, requests) as connection:
        build(connection, built, "rpt_repeat_locations")
        found = connection.execute("select * from reports.rpt_repeat_locations").df()
    usable = requests[requests["has_usable_point"] & (requests["status_family"] != "void")]
    cells = [
        usable["request_type"],
        usable["longitude"].round(3),
        usable["latitude"].round(3),
    ]
    expected = {}
    for cell, part in usable.groupby(cells):
        dates = part["requested_at"].sort_values().dt.normalize()
        n_repeats = int((dates.diff().dt.days <= 90).sum())
        if n_repeats:
            expected[cell] = (len(part), n_repeats)
    by = ["request_type", "cell_longitude", "cell_latitude"]
    counts = found.set_index(by)[["n_requests", "n_repeats"]]
    assert len(expected) > 50
    assert dict(zip(counts.index, map(tuple, counts.to_numpy()), strict=True)) == expected
