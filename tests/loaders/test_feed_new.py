"""What `eventmart feed new` and `feed check` find in files that nobody described."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from loaders.cli import feeds
from loaders.cli.main import main
from loaders.config.feeds import load_feeds
from loaders.config.paths import Paths
from loaders.errors import UsageError
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.land import land_file
from loaders.landing.schema import create_tables
from loaders.new_feed.guess import Guess, Wishes, guess
from loaders.new_feed.look import Look, look_at
from loaders.new_feed.models import write_models
from loaders.new_feed.plan import make_plan
from loaders.new_feed.tell import found_lines
from loaders.new_feed.write import entry_of

SALES = "Machine,Item,Card,Time,Qty,Price\n"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Warehouse]:
    paths = Paths(tmp_path / "scratch", tmp_path)
    with open_landing(paths.landing) as landing:
        yield Warehouse(landing, paths)


def file(tmp_path: Path, text: str | bytes, name: str = "things.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def guessed(
    scratch: Warehouse, *files: Path, wishes: Wishes | None = None
) -> tuple[Look, Guess]:
    look = look_at("things", files, scratch)
    return look, guess(look, wishes or Wishes())


def sales(n: int, first: int = 0) -> str:
    return "".join(
        f"M{i % 3},{100 + i % 7},c{i % 5},2024-03-{1 + i // 24:02} {i % 24:02}:00:00,"
        "1,2.5\n"
        for i in range(first, first + n)
    )


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1252", "|")],
)
def test_encoding_and_delimiter_are_found(
    scratch: Warehouse, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    rows = (SALES + sales(30)).replace(",", delimiter).replace("M1", "Málaga")
    look, found = guessed(scratch, file(tmp_path, rows.encode(encoding)))
    assert look.sketch.delimiter == delimiter
    assert sum(entry.n_new for entry in look.entries) == 30
    assert found.identity == ("machine", "item", "card", "time")


JAPANESE = "売上,商品,時刻\n" + "自動販売機,コーヒー,2024-03-05 10:00:00\n" * 9


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "shift_jis"),
        (JAPANESE.replace("売上", "a").replace("商品", "b").replace("時刻", "c"), "cp932"),
        ("a,b\n" + "Größe,1\n" * 5 + "caf\x81,2\n", "latin-1"),
    ],
    ids=["shift_jis", "ascii header", "control"],
)
def test_text_in_an_encoding_that_is_not_known_is_refused(
    scratch: Warehouse, tmp_path: Path, text: str, encoding: str
) -> None:
    with pytest.raises(UsageError, match=r"its encoding is not one of those .*iconv"):
        look_at("things", [file(tmp_path, text.encode(encoding))], scratch)


def test_lines_before_the_header_are_found(scratch: Warehouse, tmp_path: Path) -> None:
    path = file(tmp_path, f"An export of machines\n\n{SALES}{sales(30)}")
    look, _ = guessed(scratch, path)
    assert look.sketch.n_preamble == 2
    assert list(look.sketch.headers) == ["machine", "item", "card", "time", "qty", "price"]


@pytest.mark.parametrize(
    ("values", "kind", "sql_type"),
    [
        (["1", "2", "30"], "integer", "bigint"),
        (["1", "02", "30"], "text", "varchar"),
        (["1", "2.5", "-30.25"], "decimal", "decimal(18, 4)"),
        (["1", "2", "x"], "text", "varchar"),
        (["1.5", "NULL", "2"], "decimal", "decimal(18, 4)"),
        (["1.12345678", "2", "3"], "double", "double"),
        (["1e3", "2", "3"], "text", "varchar"),
        (["12345678901234567890", "2", "3"], "text", "varchar"),
        (["2024-03-05", "2024-03-06", "2024-03-07"], "time", "timestamp"),
        (["3/25/2024 1:00 PM", "3/6/2024 1:00 PM", ""], "time", "timestamp"),
        (["25/03/2024", "06/03/2024", "07/03/2024"], "time", "timestamp"),
        (["soon", "2024-03-06", "2024-03-07"], "text", "varchar"),
    ],
)
def test_a_column_is_typed_only_if_no_value_says_otherwise(
    scratch: Warehouse, tmp_path: Path, values: list[str], kind: str, sql_type: str
) -> None:
    rows = "".join(f"k{number},{value}\n" for number, value in enumerate(values))
    _, found = guessed(scratch, file(tmp_path, f"key,measured\n{rows}"))
    facts = found.facts["measured"]
    assert (facts.kind, facts.sql_type) == (kind, sql_type)


@pytest.mark.parametrize("name", ["zip", "product_id", "AccountNumber", "Machine", "sku"])
def test_numbers_that_only_name_something_stay_text(
    scratch: Warehouse, tmp_path: Path, name: str
) -> None:
    _, found = guessed(scratch, file(tmp_path, f"key,{name}\na,101\nb,102\nc,101\n"))
    assert list(found.facts.values())[1].kind == "text"


@pytest.mark.parametrize(
    ("clock", "pattern"), [("", ""), (" 9:07 PM", " %I:%M %p"), (" 09:07", " %H:%M")]
)
def test_a_day_above_12_tells_of_all_dates(
    scratch: Warehouse, tmp_path: Path, clock: str, pattern: str
) -> None:
    days = [f"{day}/04/2024{clock}" for day in ("03", "25", "05")]
    rows = "key,opened,closed\na,{},{}\nb,{},\n".format(*days)
    _, found = guessed(scratch, file(tmp_path, rows))
    assert found.formats == (f"%d/%m/%Y{pattern}",)


def test_a_file_that_could_be_either_is_month_first_and_said_to_be_a_guess(
    scratch: Warehouse, tmp_path: Path
) -> None:
    path = file(tmp_path, "key,opened\na,03/04/2024\nb,05/04/2024\n")
    _, found = guessed(scratch, path)
    assert found.formats == ("us",)
    assert found.facts["opened"].is_ambiguous
    look = look_at("others", [path], scratch)
    assert guess(look, Wishes(day_first=True)).formats == ("%d/%m/%Y",)


@pytest.mark.parametrize(
    ("rows", "zone"),
    [
        ("a,2024-03-05T10:00:00Z,1.5\nb,2024-03-06T10:00:00Z,2.5\n", "UTC"),
        ("a,2024-03-05 10:00:00,-118.2\nb,2024-03-06 10:00:00,-118.4\n", "Los_Angeles"),
        ("a,2024-03-05 10:00:00,-73.9\nb,2024-03-06 10:00:00,-73.8\n", "New_York"),
        ("a,2024-03-05 10:00:00,13.4\nb,2024-03-06 10:00:00,13.3\n", "UTC"),
    ],
)
def test_the_zone_is_guessed_by_offsets_or_place(
    scratch: Warehouse, tmp_path: Path, rows: str, zone: str
) -> None:
    _, found = guessed(scratch, file(tmp_path, f"key,time,longitude\n{rows}"))
    assert found.zone.endswith(zone)


def test_times_of_which_some_have_offsets_tell_no_zone(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = [f"{n},2024-03-05T10:{n:02}:00Z,2024-03-05 11:{n:02}:00\n" for n in range(30)]
    path = file(tmp_path, "id,created,closed\n" + "".join(rows))
    _, found = guessed(scratch, path)
    assert "nothing in the files shows it" in found.why["zone"]


def test_a_window_needs_a_time(scratch: Warehouse, tmp_path: Path) -> None:
    path = file(tmp_path, "id,name\n" + "".join(f"{n},x{n}\n" for n in range(30)))
    with pytest.raises(UsageError, match="a window needs a column of dates"):
        guessed(scratch, path, wishes=Wishes(mode="window"))


def test_rows_that_come_twice_word_for_word_take_nothing_from_an_id(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = [f"{n},2024-03-05 10:{n:02}:00,{n % 4}\n" for n in range(30)]
    path = file(tmp_path, "id,created,qty\n" + "".join(rows + rows[:3]))
    _, found = guessed(scratch, path)
    assert found.identity == ("id",)


def test_what_may_be_corrected_is_no_part_of_the_identity(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"s{i % 2},2024-03-05T{i // 2:02}:00:00Z,{i},ok\n" for i in range(20))
    _, found = guessed(scratch, file(tmp_path, f"sensor,at_time,value,quality\n{rows}"))
    assert found.identity == ("sensor", "at_time")
    assert found.is_identified


def test_equal_rows_are_so_many_events_where_nothing_tells_them_apart(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = SALES + sales(30) + sales(1)
    _, found = guessed(scratch, file(tmp_path, rows))
    assert not found.is_identified


def test_files_that_follow_one_another_are_increments_others_windows(
    scratch: Warehouse, tmp_path: Path
) -> None:
    first = file(tmp_path, SALES + sales(48), "1.csv")
    apart = file(tmp_path, SALES + sales(48, 48), "2.csv")
    assert guessed(scratch, first, apart)[1].mode == "increment"
    overlapping = file(tmp_path, SALES + sales(72, 24), "3.csv")
    look = look_at("others", [first, overlapping], scratch)
    assert guess(look, Wishes()).mode == "window"


def tickets(*states: str, first: int = 0, day: int = 1) -> str:
    return "ticket,opened,status\n" + "".join(
        f"T{i},2024-01-{day + i:02} 10:00:00,{state}\n"
        for i, state in enumerate(states, start=first)
    )


def test_an_id_identifies_though_a_later_file_says_other_things_of_it(
    scratch: Warehouse, tmp_path: Path
) -> None:
    first = file(tmp_path, tickets(*["open"] * 9), "1.csv")
    later = file(tmp_path, tickets(*["closed", "open"] * 4, first=3), "2.csv")
    _, found = guessed(scratch, first, later)
    assert (found.identity, found.mode) == (("ticket",), "window")
    assert found.is_identified


def test_numbers_that_start_anew_in_each_file_identify_nothing(
    scratch: Warehouse, tmp_path: Path
) -> None:
    first = file(tmp_path, tickets(*["open"] * 9), "1.csv")
    later = file(tmp_path, tickets(*["open"] * 9, day=11), "2.csv")
    _, found = guessed(scratch, first, later)
    assert {"ticket", "opened"} <= set(found.identity)
    assert found.mode == "increment"


def test_a_list_of_which_all_may_change_keeps_its_id(
    scratch: Warehouse, tmp_path: Path
) -> None:
    first = file(tmp_path, "kiosk_id,capacity\n1,10\n2,20\n", "1.csv")
    later = file(tmp_path, "kiosk_id,capacity\n1,10\n2,25\n", "2.csv")
    _, found = guessed(scratch, first, later)
    assert (found.identity, found.mode) == (("kiosk_id",), "snapshot")


def test_a_single_row_is_identified_by_what_is_called_so(
    scratch: Warehouse, tmp_path: Path
) -> None:
    path = file(tmp_path, "at,value,id\n2024-01-01 10:00:00,5,1\n")
    assert guessed(scratch, path)[1].identity == ("id",)


def test_a_window_of_which_all_identifies_is_written(
    scratch: Warehouse, tmp_path: Path
) -> None:
    path = file(tmp_path, tickets("open", "closed"))
    keys = ("ticket", "opened", "status")
    look, found = guessed(scratch, path, wishes=Wishes(mode="window", identity=keys))
    texts = write_models(make_plan("things", "things", found), look.sketch, with_fact=True)
    said = yaml.safe_load(texts["models/marts/things/fct_things_versions.yml"])
    assert "unit_tests" not in said


@pytest.mark.parametrize("name", ["Datum", "date"])
def test_a_date_with_dots_is_a_date(scratch: Warehouse, tmp_path: Path, name: str) -> None:
    rows = "".join(f"{i},{i + 1:02}.03.2024\n" for i in range(20))
    _, found = guessed(scratch, file(tmp_path, f"id,{name}\n{rows}"))
    assert found.facts[name.lower()].formats == ("%d.%m.%Y",)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("1.000,50", "2,5", "12"), "decimal"),
        (("-0,95", "1.234", "7"), "decimal"),
        (("1,234", "5,678", "1"), "text"),
        (("1,5", "2.5", "3"), "text"),
        (("1,234.5", "2", "3"), "text"),
        (("$1,234.50", "$2", "$3"), "text"),
        (("1,50 €", "12,00 €", "-3,00 €"), "text"),
    ],
)
def test_numbers_with_decimal_commas_are_numbers_where_it_is_sure(
    scratch: Warehouse, tmp_path: Path, values: tuple[str, ...], kind: str
) -> None:
    rows = "".join(f"F{i % 2};{i + 1:02}.03.2024;{values[i % 3]}\n" for i in range(20))
    look, found = guessed(scratch, file(tmp_path, f"Filiale;Datum;Betrag\n{rows}"))
    assert found.identity == ("filiale", "datum")
    assert found.facts["betrag"].kind == kind
    said = "\n".join(found_lines(make_plan("things", "things", found), look))
    is_doubtful = values[0] == "1,234"
    assert ("betrag: commas may stand between thousands" in said) == is_doubtful
    assert "zone       UTC: nothing in the files shows it" in said


def test_a_decimal_comma_tells_of_the_other_columns_too(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"{i};1,5;1.{i:03};2,{i:03};48.{i:03}\n" for i in range(20))
    _, found = guessed(scratch, file(tmp_path, f"id;price;steps;watts;latitude\n{rows}"))
    commas = {name for name, one in found.facts.items() if one.has_comma}
    assert commas == {"price", "steps", "watts"}
    assert {found.facts[name].kind for name in commas} == {"decimal"}


@pytest.mark.fault("feed.names")
@pytest.mark.parametrize("header", ["No.", "On", "Yes", "NULL", "true"])
def test_a_header_that_settings_take_for_something_else_is_a_name(
    scratch: Warehouse, tmp_path: Path, header: str
) -> None:
    path = file(tmp_path, f"{header},word\n" + "".join(f"{n},x\n" for n in range(9)))
    look, found = guessed(scratch, path)
    name = f"column_{header.strip('.').lower()}"
    assert list(look.feed.columns) == [name, "word"]
    plan = make_plan("things", "things", found)
    settings = tmp_path / "feeds.yml"
    settings.write_text("feeds:\n" + entry_of(plan, look, "x"))
    assert load_feeds(settings)["things"].columns[name].aliases == (header,)


def events(value: str) -> str:
    """Events a minute apart, each with a value that may hold its number."""
    return "".join(
        f"2024-03-01 00:{i:02}:00,{value.format(i=i, odd=97 * i % 89)}\n" for i in range(25)
    )


@pytest.mark.fault("feed.guessed")
@pytest.mark.parametrize(
    ("header", "value", "identity"),
    [
        ("card", "C{i:04}", ("card", "time")),
        ("customer_id", "{i}", ("customer_id", "time")),
        ("location", "{i} Main St", ("location", "time")),
        ("watts", "{odd}", ("time",)),
        ("words", "good {i}", ("words", "time")),
        ("ticket", "T-{i}", ("ticket",)),
        ("number_of_case", "{i}", ("number_of_case",)),
        ("case_id", "{odd}", ("case_id",)),
    ],
)
def test_what_only_happens_to_differ_identifies_no_event(
    scratch: Warehouse,
    tmp_path: Path,
    header: str,
    value: str,
    identity: tuple[str, ...],
) -> None:
    path = file(tmp_path, f"time,{header}\n{events(value)}")
    _, found = guessed(scratch, path, wishes=Wishes(mode="increment"))
    assert found.identity == identity


@pytest.mark.fault("feed.guessed")
def test_a_time_of_day_beside_its_date_identifies_nothing_alone(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"A{i % 3},0{1 + i % 5}.03.2024,10:{i:02}:00\n" for i in range(30))
    look, found = guessed(scratch, file(tmp_path, f"machine,day_date,clock\n{rows}"))
    assert (found.mode, found.identity) == ("increment", ("machine", "clock", "day_date"))
    said = "\n".join(found_lines(make_plan("things", "things", found), look))
    assert "clock: a time of day without a date is kept as sent" in said


@pytest.mark.fault("feed.guessed")
def test_a_list_of_which_rows_share_all_that_names_them_loses_none(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"x{n % 3},{n % 5}.5,\n" for n in range(30))
    look, found = guessed(scratch, file(tmp_path, f"shelf,price,note\n{rows}"))
    assert (found.mode, found.identity) == ("snapshot", ("shelf", "price"))
    assert "is another thing" in "".join(found_lines(make_plan("a", "a", found), look))
    with pytest.raises(UsageError, match=r"rows that differ share shelf.*--identity"):
        guess(look, Wishes(identity=("shelf",)))
    gaps = "".join(f"{n % 3},{'' if n % 2 else n}\n" for n in range(30))
    with pytest.raises(UsageError, match=r"rows that differ share amount.*--identity"):
        guess(look_at("gaps", [file(tmp_path, f"amount,of\n{gaps}")], scratch), Wishes())


def test_ids_are_named_as_such_unless_a_file_has_what_is_none(
    scratch: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"{n},{n % 3},2024-03-05 10:{n:02}:00\n" for n in range(1, 30))
    look, found = guessed(scratch, file(tmp_path, f"case_id,zone,time\n{rows}"))
    assert found.ids == ("case_id",)
    plan = make_plan("things", "things", found)
    texts = write_models(plan, look.sketch, with_fact=False)
    staging = texts["models/staging/things/stg_things__things.sql"]
    assert "when {{ is_damaged_id('case_id') }} then 'damaged_id'" in staging
    path = file(tmp_path, f"case_id,zone,time\n0,1,2024-03-05 09:00:00\n{rows}", "0.csv")
    assert guess(look_at("others", [path], scratch), Wishes()).ids == ()


def test_a_window_that_moves_by_the_hour_withdraws_nothing_of_its_first_day(
    scratch: Warehouse, tmp_path: Path
) -> None:
    header = "ticket,opened,status\n"
    rows = [
        f"T{n},2024-03-{1 + n // 4:02} {6 * (n % 4):02}:00:00,open\n" for n in range(80)
    ]
    path = file(tmp_path, header + "".join(rows[2:62]))
    look, found = guessed(scratch, path)
    assert (found.mode, found.days) == ("window", 15)
    settings = tmp_path / "feeds.yml"
    settings.write_text(
        "feeds:\n" + entry_of(make_plan("things", "things", found), look, "x")
    )
    feed = load_feeds(settings)["things"]
    paths = Paths(tmp_path / "own", tmp_path)
    with open_landing(paths.landing) as landing:
        create_tables(landing, {"things": feed})
        own = Warehouse(landing, paths)
        land_file(own, feed, path)
        later = file(tmp_path, header + "".join(rows[7:67]), "later.csv")
        (entry,) = land_file(own, feed, later)
    assert (entry.status, entry.n_withdrawn, entry.n_aged_out) == ("landed", 0, 5)


def test_a_number_with_more_than_one_dot_is_text(
    scratch: Warehouse, tmp_path: Path
) -> None:
    _, found = guessed(scratch, file(tmp_path, "id,version_at\n1,1.2.3\n2,10.0.0.1\n"))
    assert found.facts["version_at"].kind == "text"


@pytest.mark.parametrize(
    ("header", "name"),
    [("Größe", "grosse"), ("Año", "ano"), ("日時a", "column_2"), ("Дата", "column_2")],
)
def test_headers_lose_accents_but_not_their_letters(
    scratch: Warehouse, tmp_path: Path, header: str, name: str
) -> None:
    look, _ = guessed(scratch, file(tmp_path, f"id,{header}\n1,x\n2,y\n"))
    assert list(look.feed.columns) == ["id", name]


def test_a_header_with_a_line_break_is_one_header(
    scratch: Warehouse, tmp_path: Path
) -> None:
    text = 'Report\n\n"id","the ""big""\none"\n' + "".join(f"{i},x\n" for i in range(9))
    look, _ = guessed(scratch, file(tmp_path, text))
    assert list(look.feed.columns) == ["id", "the_big_one"]
    assert look.sketch.n_preamble == 2


def test_things_with_an_id_and_no_time_of_day_are_a_list(
    scratch: Warehouse, tmp_path: Path
) -> None:
    path = file(
        tmp_path, "kiosk_id,place,opened_on\n1,Lobby,2024-03-05\n2,Gym,2024-01-05\n"
    )
    look, found = guessed(scratch, path)
    plan = make_plan("kiosk_list", "vending", found)
    files = write_models(plan, look.sketch, with_fact=True)
    assert (found.mode, plan.time) == ("snapshot", None)
    assert "models/marts/kiosk_list/dim_kiosk_list.sql" in files


@pytest.mark.fault("hostile.sql", "hostile.shell_and_html")
@pytest.mark.parametrize(
    "header",
    [
        '"; drop table raw.deliveries; --',
        "{{ env_var('HOME') }}",
        "' || (select 1) || '",
        "Straße der Messung",
        "2nd value",
        "order",
        "sent_x",
        "fate",
        "x: [y",
    ],
)
def test_no_text_of_a_file_goes_into_models_as_it_is(
    scratch: Warehouse, tmp_path: Path, header: str
) -> None:
    quoted = '"' + header.replace('"', '""') + '"'
    rows = "".join(f'k{i},2024-03-05 {i:02}:00:00,"{{{{ 1/0 }}}}\';--"\n' for i in range(9))
    path = file(tmp_path, f"key_id,time,{quoted}\n{rows}", "it's {{ odd }}.csv")
    look, found = guessed(scratch, path)
    plan = make_plan("things", "things", found)
    texts = write_models(plan, look.sketch, with_fact=True)
    for name, text in texts.items():
        assert "drop table" not in text
        assert "env_var(" not in text
        assert "1/0" not in text
        assert "odd" not in text
        if name.endswith(".yml"):
            yaml.safe_load(text)
    # What stands in the settings is the header as an alias, and is found by it.
    settings = tmp_path / "feeds.yml"
    settings.write_text("feeds:\n" + entry_of(plan, look, "x"))
    feed = load_feeds(settings)["things"]
    assert len(feed.columns) == 3


def test_a_file_without_header_is_refused(scratch: Warehouse, tmp_path: Path) -> None:
    path = file(tmp_path, "M1,101,2024-03-05,2.5\nM2,102,2024-03-06,3\n")
    with pytest.raises(UsageError, match="line 1 has values such as '101'"):
        look_at("things", [path], scratch)


def test_files_with_nothing_in_common_are_refused(
    scratch: Warehouse, tmp_path: Path
) -> None:
    files = [file(tmp_path, "a,b\nx,y\n", "1.csv"), file(tmp_path, "c,d\nx,y\n", "2.csv")]
    with pytest.raises(UsageError, match="no column in common"):
        look_at("things", files, scratch)


def test_a_zip_is_looked_into(scratch: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "things.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sales.csv", SALES + sales(30))
    look, _ = guessed(scratch, path)
    assert look.entries[0].n_new == 30


# ---------------------------------------------------------------- commands


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with nothing but what the command writes to."""
    root = tmp_path / "project"
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("vars:\n  events:\n    a: {}\n\nmodels: {}\n")
    (root / "feeds.yml").write_text(
        "# Kept.\nfeeds:\n  a:\n    description: A.\n    mode: increment\n"
        "    as_of: {arrival: true}\n    layouts: [{name: x, has: [y]}]\n"
        "    columns: {y: {}}\n"
    )
    monkeypatch.setattr(feeds, "PROJECT", root)
    monkeypatch.setenv("EVENTMART_DATA", str(tmp_path / "data"))
    return root


def run(project: Path, *arguments: str | Path) -> Result:
    call = ["--feeds", str(project / "feeds.yml"), "feed", *map(str, arguments)]
    return CliRunner().invoke(main, call)


def test_a_feed_is_written_as_a_whole_and_comments_stay(
    project: Path, tmp_path: Path
) -> None:
    path = file(tmp_path, SALES + sales(30))
    result = run(project, "new", "sales", path, "--zone", "Europe/Berlin")
    assert result.exit_code == 0, result.output
    text = (project / "feeds.yml").read_text()
    assert text.startswith("# Kept.")
    assert load_feeds(project / "feeds.yml")["sales"].zone == "Europe/Berlin"
    settings = yaml.safe_load((project / "dbt_project.yml").read_text())
    assert settings["vars"]["events"]["sales"]["fact"] == "fct_sales"
    assert len(list(project.rglob("*.sql"))) == 6
    again = run(project, "new", "sales", path)
    assert again.exit_code == 2
    assert "has a feed sales already" in again.output


def test_columns_may_be_called_by_their_headers(scratch: Warehouse, tmp_path: Path) -> None:
    path = file(tmp_path, "No.,Größe,When\n1,x,2024-03-05 10:00:00\n")
    _, found = guessed(scratch, path, wishes=Wishes(identity=("No.", "größe"), time="WHEN"))
    assert (found.identity, found.time) == (("column_no", "grosse"), "when")


def test_a_file_that_would_be_held_after_another_is_said(
    project: Path, tmp_path: Path
) -> None:
    # A window of March, and then one of April without half of March.
    header = "Case ID,Created,Status\n"
    days = [f"{n},2024-03-{n:02} 10:00:00,Open\n" for n in range(1, 31)]
    first = file(tmp_path, header + "".join(days), "1.csv")
    more = [f"{n},2024-04-{n - 30:02} 10:00:00,Open\n" for n in range(31, 45)]
    second = file(tmp_path, header + "".join(days[15:] + more), "2.csv")
    call = ("new", "cases", first, second, "--mode", "window", "--days", "60", "--dry-run")
    result = run(project, *call)
    assert result.exit_code == 0, result.output
    assert "would be held  2.csv: withdraws_too_much: would withdraw 15" in result.output
    assert "1.csv: with" not in result.output


@pytest.mark.fault("identity.damaged_ids")
def test_what_alone_identifies_is_an_id_that_may_be_damaged(
    project: Path, tmp_path: Path
) -> None:
    tickets = "ticket_id,place,opened_on\n{0}1,Lobby,2024-03-05\n{0}2,Gym,2024-01-05\n"
    path = file(tmp_path, tickets.format("20131000005441"), "1.csv")
    result = run(project, "new", "tickets", path, "--mode", "snapshot")
    assert result.exit_code == 0, result.output
    assert load_feeds(project / "feeds.yml")["tickets"].id_columns == ("ticket_id",)
    (staging,) = project.rglob("stg_*tickets.sql")
    assert "when {{ is_damaged_id('ticket_id') }} then 'damaged_id'" in (
        staging.read_text()
    )
    damaged = file(tmp_path, tickets.format("2.0131E+1"), "2.csv")
    checked = run(project, "check", "tickets", damaged)
    assert "ids_damaged: 2 of 2 rows have a damaged ticket_id" in checked.output


def test_a_dry_run_writes_nothing(project: Path, tmp_path: Path) -> None:
    before = sorted(project.rglob("*"))
    result = run(project, "new", "sales", file(tmp_path, SALES + sales(30)), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would write" in result.output
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Sales",), "small letters"),
        (("sales; drop",), "small letters"),
        (("x" * 50,), "no longer than"),
        (("sales", "--source", "../x"), "small letters"),
        (("sales", "--time", "when"), "no column when"),
        (("sales", "--time", "machine"), "cannot be read as times"),
        (("sales", "--zone", "Mars/Base"), "feeds.yml: would not be valid: feed 'sales'"),
        (("deliveries",), "table of the loader itself"),
        (("no",), "takes for something else"),
        (("sales", "--source", "null"), "takes for something else"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(
    project: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = sorted(project.rglob("*"))
    name, *options = arguments
    result = run(project, "new", name, file(tmp_path, SALES + sales(30)), *options)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert sorted(project.rglob("*")) == before


def test_a_file_can_be_checked_against_its_feed(project: Path, tmp_path: Path) -> None:
    path = file(tmp_path, SALES + sales(30))
    assert run(project, "new", "sales", path).exit_code == 0
    bad = SALES.replace("Qty", "Amount") + sales(30).replace(
        "2024-03-01 05:00:00", "yesterday"
    ).replace("2024-03-01 06:00:00", "")
    result = run(project, "check", "sales", file(tmp_path, bad + "M1,2\n", "b.csv"))
    assert "machine, item" not in result.output
    assert "Machine is machine" in result.output
    assert "kept in _extra, unknown: Amount" in result.output
    assert "not there: qty" in result.output
    assert "missing, but required" not in result.output
    assert "dates of time: 28 of 29 can be read; not: 'yesterday'\n" in result.output
    assert "line 32 would be rejected" in result.output
    held = run(project, "check", "sales", file(tmp_path, "a,b\n1,2\n", "c.csv"))
    assert held.exit_code == 3
    assert run(project, "check", "nothing", path).exit_code == 2
