"""What `eventmart feed new` writes of what it found: names, settings, models."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from loaders.errors import UsageError
from loaders.new_feed.guess import Guess, Mode
from loaders.new_feed.look import Look, Sketch
from loaders.new_feed.models import write_models
from loaders.new_feed.plan import Plan, make_plan
from loaders.new_feed.survey import Facts
from loaders.new_feed.write import check_free, entry_of, with_entry, with_events, write_all


def text(name: str, *, digits: bool = False) -> Facts:
    return Facts(name, "text", 9, 9, 9, is_digits=digits)


def number(name: str, sql_type: str = "bigint") -> Facts:
    return Facts(name, "integer", 9, 9, 9, sql_type, is_digits=True)


def time(name: str, form: str = "iso", *, clock: bool = True) -> Facts:
    return Facts(name, "time", 9, 9, 9, "timestamp", (form,), has_clock=clock)


FACTS = (
    text("ticket", digits=True),
    text("site"),
    time("opened"),
    time("closed_on", "us", clock=False),
    text("status"),
    text("order"),
    number("qty"),
    time("updated"),
    time("due"),
)


def found(mode: Mode, *columns: Facts, **more: object) -> Guess:
    """A guess about some columns, of which the first identifies."""
    facts = {one.name: one for one in columns or FACTS}
    times = [one.name for one in facts.values() if one.kind == "time"]
    guess = Guess(
        *(facts, (), mode, "Europe/Berlin", ("iso", "us")),
        time=times[0] if times and mode != "snapshot" else None,
        identity=(next(iter(facts)),),
        is_identified=True,
        days=30 if mode == "window" else None,
    )
    return replace(guess, **more)  # type: ignore[arg-type]


def sketch(guess: Guess, *sometimes: str, **more: object) -> Sketch:
    headers = {name: name.replace("_", " ").title() for name in guess.facts}
    always = frozenset(headers) - set(sometimes)
    return replace(Sketch(("utf-8",), ",", 0, headers, always), **more)  # type: ignore[arg-type]


def plan(guess: Guess, source: str = "shop") -> Plan:
    return make_plan("jobs", source, guess)


def written(guess: Guess, *sometimes: str, with_fact: bool = True) -> dict[str, str]:
    texts = write_models(plan(guess), sketch(guess, *sometimes), with_fact=with_fact)
    return {Path(path).name: text for path, text in texts.items()}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("column", "out"),
    [
        (text("note"), "note"),
        (text("order"), "order_value"),
        (text("value"), "value"),
        (text("sent_by"), "sent_by_value"),
        (text("current_date"), "current_date_value"),
        (text("localtime"), "localtime_value"),
        (text("fate"), "fate_value"),
        (text("jobs_key"), "jobs_key_value"),
        (text("jobs_version_key"), "jobs_version_key_value"),
        (text("opened_at_utc"), "opened_at_utc"),
        (number("qty"), "qty"),
        (time("closed"), "closed_at"),
        (time("closed_at"), "closed_at"),
        (time("closed_dttm"), "closed_at"),
        (time("closed_on"), "closed_at"),
        (time("closed", clock=False), "closed_date"),
        (time("closed_on", clock=False), "closed_on"),
        (time("closed_date", clock=False), "closed_date"),
        (time("closed_at", clock=False), "closed_date"),
        (time("date", clock=False), "date_date"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_column_is_called_what_sql_and_the_models_leave_free(
    column: Facts, out: str
) -> None:
    guess = found("increment", text("ticket"), time("occurred_at"), column)
    assert plan(guess).columns[-1].out == out


def test_no_two_columns_are_called_the_same() -> None:
    names = ("order_value", "order", "order_value_2", "opened_on", "closed", "closed_at")
    columns = [time(name) if "ed" in name else text(name) for name in names]
    guess = found("increment", text("ticket"), time("opened"), *columns)
    made = plan(guess)
    outs = [one.out for one in made.columns]
    assert len(set(outs)) == len(outs)
    assert made.time
    assert not {made.time.at, f"{made.time.at}_utc", made.time.date} & set(outs)


@pytest.mark.parametrize(
    ("name", "others", "at"),
    [
        ("opened", (), "opened_at"),
        ("opened_at", (), "opened_at"),
        ("timestamp", (), "occurred_at"),
        ("opened", ("opened_at",), "occurred_at"),
        ("opened", ("opened_at_utc",), "occurred_at"),
        ("opened", ("opened_date",), "occurred_at"),
        ("opened", ("opened_at", "occurred_date"), "jobs_occurred_at"),
    ],
)
def test_the_time_of_an_event_is_called_what_no_column_is(
    name: str, others: tuple[str, ...], at: str
) -> None:
    made = plan(found("increment", text("ticket"), time(name), *map(text, others)))
    assert made.time
    assert (made.time.name, made.time.at) == (name, at)
    assert made.time.date == at.removesuffix("at") + "date"


@pytest.mark.parametrize(
    ("column", "typed"),
    [
        (text("note"), ""),
        (text("note", digits=True), ""),
        (number("qty"), "{{ round_trip_cast('sent_qty', 'bigint') }}"),
        (time("due"), "{{ feed_time('jobs', 'sent_due') }}"),
        (time("due", clock=False), "cast({{ feed_time('jobs', 'sent_due') }} as date)"),
    ],
)
def test_each_kind_of_column_is_typed_by_its_macro(column: Facts, typed: str) -> None:
    made = plan(found("increment", text("ticket"), time("opened"), column)).columns
    assert made[-1].typed == typed
    assert not made[0].typed, "an identity of letters stays as sent"


def test_an_identity_of_digits_is_read_as_spreadsheets_may_have_left_it() -> None:
    made = plan(found("increment", text("ticket", digits=True), time("opened")))
    assert made.columns[0].typed == "{{ id_text('sent_ticket') }}"
    assert made.keys == ["ticket"]
    timed = plan(found("increment", time("opened"), text("site"), identity=("opened",)))
    assert timed.keys == ["opened_at_utc"]


# ---------------------------------------------------------------- models

AUDIT = "_delivery_seq! _change_seq! _line!"
STAGED = (
    "_row_hash _copy event_identity ticket! site status order_value time_quality "
    "set_aside_reason qty has_untyped_values opened_date! closed_on opened_at! "
    f"opened_at_utc! updated_at due_at {AUDIT}"
)
COLUMNS = {
    "stg_shop__jobs": STAGED,
    "int_jobs_versions": f"{STAGED} identity_key! is_identified window_date event_date",
    "int_jobs_touched": "identity_key! _change_seq",
    "int_jobs_days_touched": "opened_date _change_seq",
    "int_jobs_row_fates": (
        f"{STAGED} identity_key! is_identified window_date event_date fate "
        "has_different_rows is_latest row_rank n_rows_at_once n_rows_alike "
        "n_events_at_once record_state was_reinstated last_held_at"
    ),
    "fct_jobs": (
        "jobs_key! identity_key! ticket! site status order_value time_quality! "
        "record_state! qty was_reinstated! has_untyped_values! opened_date! closed_on "
        f"opened_at! opened_at_utc! updated_at due_at last_held_at {AUDIT}"
    ),
    "fct_jobs_versions": (
        "jobs_version_key! identity_key! ticket! site status order_value arrived_as "
        "changed_columns ended_as qty version_number! has_equal_identities! opened_date! "
        "closed_on opened_at! opened_at_utc! updated_at due_at valid_from_at! valid_to_at "
        f"{AUDIT}"
    ),
}
ONLY_OF_WINDOWS = {
    *("is_identified", "window_date", "record_state!", "record_state"),
    *("was_reinstated!", "was_reinstated", "last_held_at"),
    *("n_rows_at_once", "n_rows_alike", "n_events_at_once"),
}
ONLY_OF_INCREMENTS = {"has_different_rows", "is_latest"}
LISTED = (
    "jobs_key! ticket! site status order_value qty is_listed! has_untyped_values! "
    "closed_on opened_at updated_at due_at"
)


def said(yml: str) -> dict:
    (model,) = yaml.safe_load(yml)["models"]
    return model


def described(yml: str, *, is_required: bool) -> str:
    """The columns that a model's YAML has; those that may not be null with a mark."""
    return " ".join(
        one["name"] + "!" * (is_required and "constraints" in one)
        for one in said(yml)["columns"]
    )


STAGED_OF_LISTS = (
    "_row_hash _copy event_identity ticket! site status order_value set_aside_reason qty "
    f"has_untyped_values closed_on opened_at updated_at due_at {AUDIT}"
)


def expected(mode: Mode) -> dict[str, str]:
    if mode == "snapshot":
        ranked = "last_held_place last_clean_place version_rank is_listed"
        listed = f"{STAGED_OF_LISTS} {ranked}"
        return {
            "stg_shop__jobs": STAGED_OF_LISTS,
            "int_jobs_listed": listed,
            "dim_jobs": LISTED,
        }
    others = ONLY_OF_INCREMENTS if mode == "window" else ONLY_OF_WINDOWS
    return {
        name: " ".join(column for column in columns.split() if column not in others)
        for name, columns in COLUMNS.items()
        if mode == "window" or name != "fct_jobs_versions"
    }


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
def test_each_model_has_the_columns_of_its_kind(mode: Mode) -> None:
    texts = written(found(mode))
    models = {path.removesuffix(".sql") for path in texts if path.endswith(".sql")}
    assert models == set(expected(mode))
    for model, columns in expected(mode).items():
        has_contract = model.startswith(("fct", "dim"))
        wanted = columns if has_contract else columns.replace("!", "")
        assert described(texts[f"{model}.yml"], is_required=has_contract) == wanted, model


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
def test_sql_and_yaml_of_a_model_name_the_same_columns_in_one_order(mode: Mode) -> None:
    texts = written(found(mode))
    for path in [path for path in texts if path.endswith(".sql")]:
        if not path.startswith(("stg", "fct", "dim")):
            continue
        # Of the last select list, without comments and what stands in brackets of Jinja.
        body = re.sub(r"--.*", "", texts[path])
        body = re.sub(r"\{\{.*?\}\}", "x", body, flags=re.DOTALL)
        select = re.split(r"\s+from ", body.rsplit(" select\n", 1)[1])[0]
        names = [item.split()[-1] for item in select.split(",")]
        columns = said(texts[path.replace(".sql", ".yml")])["columns"]
        assert names == [one["name"] for one in columns], path


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
def test_what_is_promised_is_tested(mode: Mode) -> None:
    texts = written(found(mode))
    tests = {
        name.removesuffix(".yml"): {
            **{one["name"]: one["data_tests"]
               for one in said(text)["columns"] if "data_tests" in one},
            **({"": said(text)["data_tests"]} if "data_tests" in said(text) else {}),
        }
        for name, text in texts.items() if not name.endswith((".sql", "sources.yml"))
    }  # fmt: skip
    unique = {"unique_combination": {"arguments": {"columns": ["_row_hash", "_copy"]}}}
    kept = {"keeps_every_row": {"arguments": {"of": "source('shop', 'jobs')"}}}
    assert tests["stg_shop__jobs"] == {"": [unique, kept]}
    if mode == "snapshot":
        of_keys = {"unique_combination": {"arguments": {"columns": ["ticket"]}}}
        assert tests["int_jobs_listed"] == {"": [of_keys]}
        assert tests["dim_jobs"] == {"jobs_key": ["unique"]}
        return
    keyed = {"identity_key": ["not_null"], "event_date": ["not_null"]}
    accounted = {
        "rows": "ref('stg_shop__jobs')",
        "versions": "ref('int_jobs_versions')",
        "fact": "ref('fct_jobs')",
    }
    fates = [unique, {"accounts_for_every_row": {"arguments": accounted}}]
    assert tests["int_jobs_versions"] == keyed | {"": [unique]}
    assert tests["int_jobs_touched"] == {"identity_key": ["not_null"]}
    assert tests["int_jobs_row_fates"] == keyed | {"fate": ["not_null"], "": fates}
    in_calendar = {"relationships": {"arguments": {"to": "ref('dim_dates')",
                                                   "field": "calendar_date"}}}  # fmt: skip
    of_fact = {"jobs_key": ["unique"], "opened_date": [in_calendar]}

    def one_of(*values: str) -> list[dict]:
        return [{"accepted_values": {"arguments": {"values": [*values]}}}]

    if mode == "window":
        of_fact["record_state"] = one_of("current", "aged_out", "withdrawn")
        assert tests["fct_jobs_versions"] == {
            "jobs_version_key": ["unique"],
            "arrived_as": one_of("first", "changed", "reinstated", "returned"),
            "ended_as": one_of("changed", "aged_out", "withdrawn"),
            "opened_date": [in_calendar],
        }
    assert tests["fct_jobs"] == of_fact


def test_a_fact_follows_the_dates_of_events_that_may_move() -> None:
    moving = written(found("window"))
    assert "'dates_from': 'int_jobs_row_fates'" in moving["fct_jobs.sql"]
    assert "'dates_from': 'int_jobs_versions'" in moving["int_jobs_row_fates.sql"]
    fixed = written(found("window", identity=("ticket", "opened")))
    assert not [name for name, text in fixed.items() if "dates_from" in text]


RELATIONS = " 'versions', 'presences', 'deliveries',"


def macro_call(sql: str, macro: str) -> str:
    return re.sub(r"\s+", " ", sql.split(f"{{{{ {macro}(")[1].split("}}")[0])


def test_versions_are_told_by_what_files_always_say_and_by_what_they_say_at_times() -> None:
    versions = written(found("window"), "due", "qty")["fct_jobs_versions.sql"]
    assert macro_call(versions, "window_versions") == (
        f"{RELATIONS} [ 'site', 'closed_on', 'status', 'order_value', 'updated_at', "
        "'opened_at', ], [ 'qty', 'due_at', ], ) "
    )
    # Of what is nothing but identity no version is told from another, and that is said.
    bare = found("window", text("ticket"), time("opened"), identity=("ticket", "opened"))
    assert macro_call(written(bare)["fct_jobs_versions.sql"], "window_versions") == (
        f"{RELATIONS} [ 'opened_date', ], ) "
    )


@pytest.mark.parametrize("is_identified", [True, False])
def test_rows_that_share_an_identity_are_versions_or_events(is_identified: bool) -> None:
    flag = str(is_identified).lower()
    increments = written(found("increment", is_identified=is_identified))
    fates = increments["int_jobs_row_fates.sql"]
    assert macro_call(fates, "increment_row_fates") == (
        f"{RELATIONS} is_identified={flag}, ) "
    )
    by_place = found("increment", is_identified=is_identified, identity=("site", "opened"))
    apart = "are_apart=true, " if is_identified else ""
    fates = written(by_place)["int_jobs_row_fates.sql"]
    assert macro_call(fates, "increment_row_fates") == (
        f"{RELATIONS} is_identified={flag}, {apart}) "
    )
    means = "in its latest state" if is_identified else "one row each"
    assert means in " ".join(said(increments["fct_jobs.yml"])["description"].split())
    windows = written(found("window", is_identified=is_identified))
    assert f"        {flag} as is_identified" in windows["int_jobs_versions.sql"]


def test_without_a_fact_only_staging_is_written() -> None:
    texts = written(found("window"), with_fact=False)
    assert sorted(texts) == [
        *("_shop__jobs__sources.yml", "stg_shop__jobs.sql", "stg_shop__jobs.yml")
    ]
    own = write_models(
        plan(found("window"), "jobs"), sketch(found("window")), with_fact=False
    )
    assert "models/staging/jobs/_jobs__sources.yml" in own


def test_an_event_without_a_time_is_refused() -> None:
    guess = found("increment", text("ticket"), text("site"))
    with pytest.raises(UsageError, match="name its column with --time, or --no-fact"):
        written(guess)


def test_lines_are_as_long_as_the_linter_allows_or_excused() -> None:
    long = [text(f"a_column_with_rather_a_long_name_{n}" + "x" * 20) for n in range(9)]
    keys = tuple(one.name for one in long[:4])
    guess = found(
        *(
            "window",
            *long,
            time("opened"),
            time("summary" + "_of_it" * 8),
            number("summary"),
            text("comment"),
        ),
        identity=keys,
    )
    for name, written_text in written(guess).items():
        n_open = 0
        for line in written_text.split("\n"):
            n_open += len(re.findall(r"\{[{%]", line)) - len(re.findall(r"[%}]\}", line))
            if name.endswith(".sql") and len(line) > 88 and not n_open:
                assert re.search(r"-- noqa: (RF04,)?LT05$", line), line
            assert not (len(line) <= 88 and "LT05" in line and "RF04" not in line), line
    staging = written(guess)["stg_shop__jobs.sql"]
    assert "as comment, -- noqa: RF04" in staging
    assert "as summary -- noqa: RF04" in staging or "as summary, -- noqa: RF04" in staging


def test_rows_of_unit_tests_are_on_lines_that_are_short_enough() -> None:
    guess = found("increment", *FACTS, *(text(f"a_column_{n}") for n in range(60)))
    staging = written(guess)["stg_shop__jobs.yml"]
    rows = [
        line
        for line in staging.split("\n")
        if "a_column_5" in line and "- {name" not in line
    ]
    assert rows
    assert {len(line) <= 160 for line in rows} == {True}


# ---------------------------------------------------------------- settings


def entry(guess: Guess, *sometimes: str, **more: object) -> dict:
    held = Look(None, None, sketch(guess, *sometimes, **more))  # type: ignore[arg-type]
    return yaml.safe_load(entry_of(plan(guess), held, "Jobs: all of them."))["jobs"]


def test_the_entry_of_a_window_says_what_was_found() -> None:
    guess = found("window", words=("n/a", "-"))
    more = {"delimiter": ";", "n_preamble": 2, "encodings": ("utf-8", "cp1252")}
    made = entry(guess, "due", **more)
    columns = made.pop("columns")
    assert made == {
        "description": "Jobs: all of them.",
        "mode": "window",
        "sources": ["jobs/*.csv", "jobs/*.csv.gz", "jobs/*.zip"],
        "encodings": ["utf-8", "cp1252"],
        "delimiter": ";",
        "max_preamble_lines": 2,
        "null_markers": ["n/a", "-"],
        "zone": "Europe/Berlin",
        "formats": ["iso", "us"],
        "as_of": {"newest": ["opened", "closed_on", "updated"]},
        "window": {"column": "opened", "days": 30},
        "times": ["due"],
        "layouts": [{"name": "first", "has": ["ticket", "opened"]}],
        "identity": ["ticket"],
    }
    assert list(columns) == list(guess.facts)
    assert columns["ticket"] == {"required": True, "ids": True}
    assert columns["closed_on"] == {}
    assert entry(guess, "ticket")["layouts"] == [{"name": "first", "has": ["opened"]}]


def test_what_is_as_everywhere_is_left_out_of_the_entry() -> None:
    made = entry(found("increment", text("größe"), time("opened"), formats=()))
    left_out = {"delimiter", "max_preamble_lines", "null_markers", "zone", "formats"}
    assert not {*left_out, "window", "times"} & set(made)
    assert made["as_of"] == {"newest": ["opened"]}


@pytest.mark.parametrize(
    ("guess", "as_of"),
    [
        (found("snapshot"), {"file_name": r"(\d{4}-\d{2}-\d{2})", "arrival": True}),
        (found("increment", text("ticket")), {"arrival": True}),
    ],
    ids=["list", "no time"],
)
def test_an_as_of_is_found_otherwise_where_no_time_tells_it(
    guess: Guess, as_of: dict
) -> None:
    assert entry(guess)["as_of"] == as_of


def test_all_times_of_a_list_are_checked_at_landing() -> None:
    assert entry(found("snapshot"))["times"] == ["opened", "closed_on", "updated", "due"]


def test_headers_that_are_no_names_are_aliases() -> None:
    guess = found("increment", text("column_1"), time("opened"))
    made = entry(guess, headers={"column_1": "Größe: [x", "opened": "Opened"})
    assert made["columns"]["column_1"] == {
        "required": True,
        "ids": True,
        "aliases": ["Größe: [x"],
    }
    assert made["columns"]["opened"] == {"required": True}


FEEDS = "# Kept.\nfeeds:\n" + (
    "  a:\n    description: A.\n    mode: increment\n    as_of: {arrival: true}\n"
    "    layouts: [{name: x, has: [y]}]\n    columns: {y: {}}\n\n\n"
)


def test_an_entry_comes_after_all_others_which_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yml"
    path.write_text(FEEDS)
    guess = found("window")
    held = Look(None, None, sketch(guess))  # type: ignore[arg-type]
    text, feed = with_entry(path, "jobs", entry_of(plan(guess), held, "Jobs."))
    assert text.startswith(FEEDS.rstrip("\n") + "\n\n  jobs:\n")
    assert feed.window
    assert (feed.name, feed.window.days, feed.zone) == ("jobs", 30, "Europe/Berlin")
    assert path.read_text() == FEEDS, "nothing is written yet"
    with pytest.raises(UsageError, match="has a feed a already; choose another name"):
        with_entry(path, "a", "")


@pytest.mark.parametrize(
    ("mode", "more"), [("window", {"has_states": True}), ("increment", {})]
)
@pytest.mark.parametrize("after", ["", "\nmodels: {}\n", "  other: 1\n"])
def test_events_are_added_to_those_that_are_counted(
    tmp_path: Path, mode: Mode, more: dict, after: str
) -> None:
    path = tmp_path / "dbt_project.yml"
    path.write_text(
        f"vars:\n  # Kept.\n  events:\n    a: {{fact: b,\n       c: d}}\n{after}"
    )
    text = with_events(path, plan(found(mode)))
    jobs = {
        "fates": "int_jobs_row_fates",
        "touched": "int_jobs_days_touched",
        "fact": "fct_jobs",
        "date": "opened_date",
    }
    before = yaml.safe_load(path.read_text())
    before["vars"]["events"]["jobs"] = jobs | more
    assert yaml.safe_load(text) == before
    assert "  # Kept." in text


@pytest.mark.parametrize("mode", ["increment", "snapshot"])
def test_events_without_a_list_of_them_are_refused(tmp_path: Path, mode: Mode) -> None:
    path = tmp_path / "dbt_project.yml"
    path.write_text("vars: {}\n" if mode == "increment" else "vars:\n  events:\n")
    with pytest.raises(UsageError, match="add the feed to"):
        with_events(path, plan(found(mode)))


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "models/a").mkdir(parents=True)
    (tmp_path / "models/a/fct_jobs.sql").write_text("select 1")
    (tmp_path / "models/a/x.yml").write_text("x")
    check_free(tmp_path, [tmp_path / "models/b/fct_others.sql"])
    with pytest.raises(UsageError, match=r"a/fct_jobs.sql: already exists"):
        check_free(tmp_path, [tmp_path / "models/b/fct_jobs.sql"])
    with pytest.raises(UsageError, match=r"a/x.yml: already exists"):
        check_free(tmp_path, [tmp_path / "models/a/x.yml"])


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    settings = tmp_path / "feeds.yml"
    settings.write_text("old")
    new = tmp_path / "models/b/fct_jobs.sql"
    write_all({new: "select 1", settings: "new"})
    assert (new.read_text(), settings.read_text()) == ("select 1", "new")
    assert [path.name for path in tmp_path.glob(".*")] == []
    # Where a folder should be is a file.
    (tmp_path / "blocked").write_text("")
    other = tmp_path / "models/b/fct_others.sql"
    with pytest.raises(OSError, match="blocked"):
        write_all({settings: "newer", other: "x", tmp_path / "blocked/x.sql": "x"})
    assert settings.read_text() == "new"
    assert not other.exists()
