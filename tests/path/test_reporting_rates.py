"""The rate at which residents report, against simulated incidents of known rates."""

import numpy as np
import pandas as pd
import pytest

from tests.path.compiled import Compiled

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]

MODELS = (
    *("int_request_incidents_found", "int_reporting_rates_estimated"),
    "rpt_reporting_rates",
)
START = pd.Timestamp("2016-01-01")
AS_OF = 360.0
RATES = (0.05, 0.15, 0.4, 1.0)


def simulated(n_areas: int, n_incidents: int, scatter: float, seed: int) -> pd.DataFrame:
    """Requests about incidents, each at a place of its own, reported by a Poisson process.

    Returns:
        A row per request, with the area, its rate, the days from START, and the true
        rate of the incident. Incidents that nobody reported are not there.
    """
    rng = np.random.default_rng(seed)
    n = n_areas * n_incidents
    area = np.repeat(np.arange(n_areas), n_incidents)
    mean = np.array(RATES)[area % len(RATES)]
    rate = mean * (rng.gamma(1 / scatter, scatter, n) if scatter else 1)
    born = rng.uniform(0, AS_OF - 20, n)
    # Some last longer than the 30 days that are watched, some longer than the data.
    died = born + rng.gamma(1.5, 10, n)
    reports = rng.poisson(rate * (died - born))
    incident = np.repeat(np.arange(n), reports)
    at = born[incident] + rng.uniform(size=incident.size) * (died - born)[incident]
    found = pd.DataFrame({"incident": incident, "at": at})
    for name, values in {"area": area, "mean": mean, "rate": rate, "died": died}.items():
        found[name] = values[incident]
    return found[found["at"] < AS_OF].sort_values(["incident", "at"])


def reported(compiled: Compiled, types: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The report on these requests by type, of areas known by their number."""
    requests = pd.concat(found.assign(type=name) for name, found in types.items())
    requests["is_open"] = requests["died"] >= AS_OF
    # Of later reports a third are closed at once, as duplicates.
    first = ~requests.duplicated(["type", "incident"])
    duplicate = ~first & (np.arange(len(requests)) % 3 == 0)
    requests["status"] = np.where(duplicate, "Closed - Duplicate Case", "Closed")
    requests["is_open"] &= ~duplicate
    closed = requests["died"].where(~duplicate, requests["at"])
    moment = START + pd.to_timedelta((requests["at"] * 86400).round(), unit="s")
    end = START + pd.to_timedelta((closed * 86400).round(), unit="s")
    requests["requested_at"], requests["closed_at"] = moment, end
    with compiled.connect() as connection:
        connection.register("requests", requests.drop(columns=["rate", "mean"]))
        connection.execute(
            """
            create table marts.dim_neighborhoods as select
                cast(md5('area' || n) as uuid) as neighborhood_key, cast(n as varchar)
                    as neighborhood_slug, '' as neighborhood_name, true as is_known
            from (select distinct area as n from requests);
            create table marts.dim_request_types as select
                cast(md5(n) as uuid) as request_type_key, 'a' as agency, n as request_type
            from (select distinct type as n from requests);
            create table marts.fct_deliveries as select
                'service_requests' as feed, 'landed' as status,
                timestamp '2016-01-01' + interval 360 day as as_of_at;
            create table marts.fct_service_requests as select
                uuid() as service_request_key,
                cast(md5(type) as uuid) as request_type_key,
                cast(md5('area' || area) as uuid) as neighborhood_key,
                cast(md5('area' || area) as uuid) as computed_neighborhood_key,
                'light' as request_summary, 'current' as record_state,
                true as has_usable_point, 'assumed_zone' as time_quality,
                -105 + incident % 1000 / 10000.0 as longitude,
                39.6 + incident // 1000 / 10000.0 as latitude,
                case when status = 'Closed' then 'resolved' else 'void' end
                    as status_family,
                status, is_open, false as has_misstamped_close, requested_at,
                case when not is_open then closed_at end as closed_at,
                null::timestamp as last_held_at
            from requests
            """
        )
        compiled.add(connection, *MODELS)
        return connection.execute("select * from reports.rpt_reporting_rates").df()


@pytest.fixture(scope="module")
def cities() -> dict[str, pd.DataFrame]:
    return {
        "alike": simulated(2400, 60, 0, 1),
        "differ": simulated(1200, 120, 0.25, 2),
        "differ much": simulated(800, 200, 1, 3),
    }


def watched(found: pd.DataFrame) -> pd.DataFrame:
    """Incidents as one who reads the requests in their order would watch them."""
    rows = []
    for _, part in found.groupby("incident", sort=False):
        first = part.iloc[0]
        until = min(first["died"], first["at"] + 30, AS_OF)
        n = int(((part["at"] > first["at"]) & (part["at"] <= until)).sum())
        rows.append((first["area"], n, until - first["at"], first["rate"], first["mean"]))
    return pd.DataFrame(rows, columns=["area", "n", "days", "rate", "mean"])


def test_the_interval_of_a_rate_covers_what_it_says_at_any_rate_and_scatter(
    compiled: Compiled, cities: dict[str, pd.DataFrame]
) -> None:
    report = reported(compiled, cities)
    told = report[report["verdict"] == "told"].copy()
    told["mean"] = np.array(RATES)[told["neighborhood_slug"].astype(int) % len(RATES)]
    assert (report["verdict"] == "told").mean() > 0.95
    for name, found in cities.items():
        first = found.drop_duplicates("incident")
        days = np.minimum(np.minimum(first["died"], AS_OF) - first["at"], 30)
        weighed = (first["rate"] * days).groupby(first["mean"]).sum()
        # Of incidents that differ, those that many notice are rather reported at all.
        truth = told["mean"].map(weighed / days.groupby(first["mean"]).sum())
        of = told["request_type"] == name
        low, high = told["repeats_per_day_low"], told["repeats_per_day_high"]
        inside = ((low <= truth) & (truth <= high))[of]
        shares = inside.groupby(told["mean"]).agg(["mean", "size"])
        # Two points, and the error of a share of so many.
        error = 2 * np.sqrt(0.95 * 0.05 / shares["size"])
        assert (abs(shares["mean"] - 0.95) < 0.02 + error).all(), (name, shares)
        assert abs(inside.mean() - 0.95) < 0.02, (name, inside.mean())
        bias = (
            told[of].groupby("mean")["n_repeats"].sum()
            / told[of].groupby("mean")["watched_days"].sum()
        )
        assert np.allclose(bias, truth[of].groupby(told["mean"]).first(), rtol=0.03), name


def test_incidents_are_found_as_by_reading_the_requests_one_by_one(
    compiled: Compiled,
) -> None:
    found = simulated(8, 60, 0.5, 4)
    report = reported(compiled, {"a": found}).set_index("neighborhood_slug")
    by_area = (
        watched(found)
        .groupby("area")
        .agg(
            n_incidents=("n", "size"), n_repeats=("n", "sum"), watched_days=("days", "sum")
        )
    )
    report.index = report.index.astype(int)
    for column in by_area:
        np.testing.assert_allclose(
            report[column].sort_index(), by_area[column], rtol=1e-4, err_msg=column
        )
