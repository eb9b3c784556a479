"""Objects of S3: listing is the truth, events only a hint."""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
import yaml
from botocore.response import StreamingBody
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.errors import UsageError
from loaders.events import handle_event
from loaders.landing import ingest, ledger
from loaders.landing.database import open_landing
from loaders.landing.ingest import Taken
from loaders.sources import s3
from tests.lab import Lab, make_feed

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("s3")

Labs = Callable[..., Lab]
BUCKET = "drops"
PREFIX = f"s3://{BUCKET}/in/"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, reached by nothing but the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    made = boto3.resource("s3").Bucket(BUCKET)
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def things(lab: Labs) -> Lab:
    return lab()


def take(things: Lab, source: str = PREFIX) -> list[Taken]:
    return [
        ingest.take(things.warehouse, things.feed, offer) for offer in ingest.remote(source)
    ]


def outcome(taken: list[Taken]) -> tuple[str, str | None, str]:
    (one,) = taken
    (entry,) = one.entries
    return entry.status, entry.reason, str(entry.detail)


def csv(*numbers: int) -> bytes:
    return b"a,b,c\n" + b"".join(b"%d,,\n" % number for number in numbers)


def uris(things: Lab) -> list[str]:
    return [u for (u,) in things.all("select uri from raw.deliveries order by all")]


# ---------------------------------------------------------------- listing


def test_objects_land_in_the_order_of_their_keys(things: Lab, bucket: Any) -> None:
    keys = ["in/b/2 ü?#&+%41.csv", "in/a.csv", "in/B.csv", "in/Z/", "out/x.csv"]
    for number, key in enumerate(keys):
        bucket.put_object(Key=key, Body=b"" if key.endswith("/") else csv(number))
    take(things)
    landed = things.all("select uri, status from raw.deliveries order by delivery_seq")
    assert landed == [
        (f"s3://{BUCKET}/{key}", "landed") for key in (keys[2], keys[1], keys[0])
    ]


def test_what_was_dealt_with_is_not_fetched_again(
    things: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    bucket.put_object(Key="in/2.csv", Body=b"x\n1\n")
    assert [one.entries[0].status for one in take(things)] == ["landed", "held"]
    monkeypatch.setattr(s3, "_save", None)
    landed, held = take(things)
    assert landed == Taken([], is_new=False)
    assert (held.entries[0].delivery_seq, held.is_new) == (2, False)
    monkeypatch.undo()
    assert len(things.ledger()) == 2


def test_an_object_put_again_is_read_again(things: Lab, bucket: Any) -> None:
    for body in (csv(1), csv(1, 2)):
        bucket.put_object(Key="in/1.csv", Body=body)
        take(things)
    assert things.rows() == [("1", None, None), ("2", None, None)]


def test_one_object_can_be_named(things: Lab, bucket: Any) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    bucket.put_object(Key="in/1.csv.old", Body=csv(2))
    take(things, f"s3://{BUCKET}/in/1.csv")
    assert take(things, f"s3://{BUCKET}/in/1.csv") == [Taken([], is_new=False)]
    assert uris(things) == [f"s3://{BUCKET}/in/1.csv"]


@pytest.mark.fault("delivery.backfill")
def test_more_objects_than_a_page_holds_are_all_listed(
    things: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(8):
        bucket.put_object(Key=f"in/{number}.csv", Body=csv(number))
    take(things)
    assert len(things.rows()) == 8


# ---------------------------------------------------------------- failures


@pytest.mark.fault("delivery.being_written")
def test_an_object_replaced_while_fetched_does_not_land(things: Lab, bucket: Any) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    (offer,) = ingest.remote(PREFIX)
    bucket.put_object(Key="in/1.csv", Body=csv(1, 2))
    status, reason, _ = outcome([ingest.take(things.warehouse, things.feed, offer)])
    assert (status, reason) == ("failed", "being_written")
    assert things.counts() == (0, 0, 0)
    assert outcome(take(things))[0] == "landed"


@pytest.mark.parametrize(("n_breaks", "status"), [(2, "landed"), (3, "failed")])
def test_a_body_that_breaks_off_is_fetched_again(
    things: Lab,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    n_breaks: int,
    status: str,
) -> None:
    """The stream ends early, as when the connection is lost."""
    bucket.put_object(Key="in/1.csv", Body=csv(*range(100)))
    breaks = [True] * n_breaks
    honest = StreamingBody.read

    def read(body: StreamingBody, amt: int | None = None) -> bytes:
        if breaks:
            breaks.pop()
            body._content_length = "10000"
            honest(body)
        return bytes(honest(body, amt))

    monkeypatch.setattr(StreamingBody, "read", read)
    assert outcome(take(things))[0] == status
    if status == "failed":
        assert outcome(take(things))[0] == "landed"


@pytest.mark.fault("hostile.secrets")
@pytest.mark.parametrize(
    ("source", "code", "reason"),
    [
        ("s3://no-such-bucket/in/", None, "s3_no_bucket"),
        (f"s3://{BUCKET}/none.csv", None, "s3_no_key"),
        (f"s3://{BUCKET}/x[", None, "s3_no_key"),
        ("s3://No_Bucket!/x/", None, "s3_unreachable"),
        (PREFIX, "AccessDenied", "s3_denied"),
        (PREFIX, "InvalidAccessKeyId", "s3_denied"),
        (PREFIX, "InternalError", "s3_error"),
    ],
)
def test_a_failure_is_one_entry_that_says_what_to_do(
    things: Lab,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    code: str | None,
    reason: str,
) -> None:
    if code:
        from botocore.exceptions import ClientError

        def refuse(*_: object) -> None:
            raise ClientError({"Error": {"Code": code}}, "ListObjectsV2")

        monkeypatch.setattr(s3, "_listed", refuse)
    status, why, detail = outcome(take(things, source))
    assert (status, why) == ("failed", reason)
    assert detail.startswith(f"{source}: ")
    assert "hunter2" not in detail
    assert take(things, source)[0].is_new is False
    assert len(things.ledger()) == 1


def test_a_refusal_of_the_server_itself_is_named(
    things: Lab, bucket: Any, endpoint: str
) -> None:
    """A real 403: the object may be listed, but not read."""
    import requests

    bucket.put_object(Key="in/1.csv", Body=csv(1))
    offers = list(ingest.remote(PREFIX))
    # From now on, moto checks who asks.
    requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        taken = ingest.take(things.warehouse, things.feed, offers[0])
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"inf", timeout=10)
    assert outcome([taken])[:2] == ("failed", "s3_denied")


@pytest.mark.fault("hostile.secrets")
def test_no_credentials_are_said(
    things: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # The session of this process has them already.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    status, reason, detail = outcome(take(things))
    assert (status, reason) == ("failed", "s3_no_credentials")
    assert "set AWS_ACCESS_KEY_ID" in detail
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")


def test_an_endpoint_that_is_not_there_is_said(
    things: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    status, reason, detail = outcome(take(things))
    assert (status, reason) == ("failed", "s3_unreachable")
    assert "Could not connect" in detail


def test_a_prefix_that_could_not_be_listed_is_well_again(
    things: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    take(things)
    assert [entry.uri for entry in ledger.refused(things.landing)] == [PREFIX]
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    take(things)
    assert ledger.refused(things.landing) == []


# ---------------------------------------------------------------- the command line


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Two feeds, of which one comes from S3 and from a bucket that is not there."""
    feed = make_feed(
        sources=("things/*.csv", "s3://no-such-bucket/in/", PREFIX)
    ).model_dump(mode="json", exclude_none=True, exclude={"name"})
    other = {**feed, "sources": ["others/*.csv", "https://127.0.0.1:9/x.csv"]}
    path = tmp_path / "feeds.yml"
    path.write_text(yaml.safe_dump({"feeds": {"things": feed, "others": other}}))
    return path


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--feeds", str(settings), *arguments])


@pytest.fixture
def surroundings(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    return paths


def test_a_source_that_fails_keeps_no_other_out(
    surroundings: Paths, bucket: Any, settings: Path
) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    for folder in ("things", "others"):
        (surroundings.inbox / folder).mkdir(parents=True)
        (surroundings.inbox / folder / "x.csv").write_bytes(csv(2))
    document = yaml.safe_load(settings.read_text())
    document["feeds"]["others"]["sources"][1] = "http://127.0.0.1:9/x.csv"
    settings.write_text(yaml.safe_dump(document))
    result = run(settings, "land", "things")
    assert result.exit_code == 4
    assert "failed      things" in result.stderr
    assert "s3_no_bucket: s3://no-such-bucket/in/: there is no such" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["landed"] * 2
    again = run(settings, "land", "things")
    assert again.exit_code == 4
    assert again.stderr.startswith("still failed      things")
    assert "unchanged   2 files" in again.stdout
    with open_landing(surroundings.landing) as landing:
        rows = landing.execute("select count(*) from raw.deliveries").fetchone()
    assert rows == (3,)


def test_named_objects_are_read_again_only_if_new_or_dated(
    surroundings: Paths, bucket: Any, settings: Path
) -> None:
    bucket.put_object(Key="in/1.csv", Body=csv(1))
    assert run(settings, "land", "things", PREFIX).stdout.startswith("landed ")
    assert run(settings, "land", "things", PREFIX).stdout.startswith("unchanged   1 ")
    dated = run(settings, "land", "things", PREFIX, "--as-of", "2024-01-01")
    assert dated.stdout.startswith("landed ")
    assert run(settings, "land", "things", f"s3://{BUCKET}/out/").exit_code == 2


# ---------------------------------------------------------------- events


def record(key: str, bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "size": 1}},
    }


def by_sns(event: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event)}}]}


def by_sqs(event: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(event)}]}


def by_sns_and_sqs(event: dict[str, Any]) -> dict[str, Any]:
    return by_sqs({"Type": "Notification", "Message": json.dumps(event)})


def by_eventbridge(event: dict[str, Any]) -> dict[str, Any]:
    (one,) = event["Records"]
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": one["s3"]["bucket"]["name"]},
            # These are not encoded.
            "object": {"key": "in/a b+c/ü%41.csv"},
        },
    }


@pytest.mark.fault("delivery.s3_events")
@pytest.mark.parametrize(
    "wrap", [dict, by_sns, by_sqs, by_sns_and_sqs, by_eventbridge], ids=lambda w: w.__name__
)
def test_an_event_lands_what_it_is_about(
    surroundings: Paths, bucket: Any, settings: Path, wrap: Callable[..., Any]
) -> None:
    key = "in/a b+c/ü%41.csv"
    bucket.put_object(Key=key, Body=csv(1))
    event = wrap({"Records": [record(key)]})
    (entry,) = [e for e in handle_event(event, settings) if e.status == "landed"]
    assert entry.uri == f"s3://{BUCKET}/{key}"
    assert handle_event(event, settings) == []


@pytest.mark.fault("delivery.s3_events")
@pytest.mark.parametrize("seed", range(2))
def test_doubled_unordered_late_and_lost_events_change_nothing(
    surroundings: Paths, bucket: Any, settings: Path, seed: int
) -> None:
    rng = random.Random(seed)
    keys = [f"in/2024-01-{n:02}.csv" for n in range(1, 13)]
    for n, key in enumerate(keys):
        bucket.put_object(Key=key, Body=csv(n, n + 1))
    arriving = [key for key in keys for _ in range(rng.choice([0, 1, 1, 3]))]
    rng.shuffle(arriving)
    entries = []
    for key in arriving:
        entries += handle_event({"Records": [record(key), record(key)]}, settings)
    landed = [entry.uri for entry in entries if entry.status == "landed"]
    # The first of the events is told of all, in the order of their keys.
    assert landed == [f"s3://{BUCKET}/{key}" for key in keys]
    with open_landing(surroundings.landing) as landing:
        found = landing.execute("select a from raw.things order by cast(a as int)")
        assert found.fetchall() == [(str(n),) for n in range(13)]


@pytest.mark.fault("delivery.s3_events")
def test_an_event_of_elsewhere_opens_nothing(surroundings: Paths, settings: Path) -> None:
    for one in (record("out/x.csv"), record("in/x.csv", "other"), record("in")):
        assert handle_event({"Records": [one]}, settings) == []
    assert handle_event({"Event": "s3:TestEvent", "Bucket": BUCKET}, settings) == []
    assert not surroundings.landing.exists()


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"Records": [{"x": 1}]}])
def test_an_event_of_no_known_form_is_said(
    surroundings: Paths, settings: Path, event: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="not an event of S3"):
        handle_event(event, settings)
