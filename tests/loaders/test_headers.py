"""Headers of any script: told apart by their letters, found by aliases, kept as sent."""

import json
import time
from collections.abc import Callable

import pytest

from loaders.config.feeds import canonical, load_feeds
from loaders.landing.schema import create_tables
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
HEADERS = [
    *("Höhe", "Hähe", "番号", "植物名", "Größe", "Год", "Года", "Όνομα", "السنة", "שם"),
    *("कि", "की", "ชื่อ", "ชื้อ", "Año", "Ano", "Øl", "Ål", "年", "월", "x", "1", "x 1"),
]


def as_columns(**aliases: str) -> dict[str, dict[str, list[str]]]:
    return {name: {"aliases": [alias]} for name, alias in aliases.items()}


@pytest.mark.fault("text.other_scripts")
def test_letters_of_any_script_tell_headers_apart() -> None:
    names = [canonical(header) for header in HEADERS]
    assert len({*names}) == len(HEADERS)
    assert "" not in names


@pytest.mark.fault("text.other_scripts", "text.renamed_column")
@pytest.mark.parametrize(
    ("header", "name"),
    [
        *(("Höhe", "höhe"), ("HO\u0308HE", "höhe"), (" höhe\u00a0", "höhe")),
        *(("STRASSE", "strasse"), ("Straße", "strasse"), ("Étage-No", "étage_no")),
        *(("ＩＤ", "id"), ("ﬁle", "file"), ("ΟΔΌΣ", "οδόσ"), ("番号（主）", "番号_主")),
        *(("Temp. °C", "temp_c"), ("🏷️ Tag", "tag"), ("Name\ufeff", "name")),
    ],
)
def test_one_name_in_several_spellings_is_one(header: str, name: str) -> None:
    assert canonical(header) == name
    assert canonical(name) == name


@pytest.mark.parametrize("header", ["", " ", "—", "?!", "📦", "\u200b", "\ufe0f", "___"])
def test_a_header_without_letters_is_none(header: str) -> None:
    assert canonical(header) == ""


@pytest.mark.fault("hostile.room")
def test_long_headers_are_read_in_no_time() -> None:
    began = time.process_time()
    assert canonical("Aé-" * 500_000) == "_".join(["aé"] * 500_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("mode", ["increment", "snapshot"])
@pytest.mark.fault("hostile.sql", "text.renamed_column")
def test_columns_may_be_called_as_what_the_loader_calls_things(
    lab: Labs, mode: str
) -> None:
    words = [
        *("pair", "header", "step", "line", "c0", "c1", "value", "name", "key", "text"),
        *("parsed_rows", "come", "gone", "held", "rows", "lines", "moves", "kept"),
        *("select", "from", "order", "feed", "change", "n_rows", "delivery_seq", "merged"),
    ]
    columns: dict[str, dict[str, list[str]]] = {word: {} for word in words}
    things = lab(mode=mode, columns=columns, layouts=[{"name": "x", "has": ["pair"]}])
    header = ",".join([*reversed(words), "old", "more"])
    rows = [",".join(f"{word}-{n}" for word in [*reversed(words), "o", "m"]) for n in "112"]
    entry = things.land("\n".join([header, *rows]))
    assert (entry.status, entry.n_new) == ("landed", 3)
    aliased = {word: {} for word in words} | {"pair": {"aliases": ["old"]}}
    again = make_feed(
        mode=mode, columns=aliased, layouts=things.feed.layouts, null_markers=["key-2"]
    )
    create_tables(things.landing, {"things": again})
    expected = [
        tuple(None if f"{word}-{n}" == "key-2" else f"{word}-{n}" for word in words)
        for n in "112"
    ]
    assert things.rows() == expected
    things.check_laws()


def test_ascii_headers_are_what_they_were() -> None:
    assert canonical("2ND_VEHICLE_TYPE") == "2nd_vehicle_type"
    assert canonical("__Case  Created.dttm--(UTC) ") == "case_created_dttm_utc"


@pytest.mark.fault("text.other_scripts", "text.added_column")
def test_unknown_columns_of_any_script_are_kept_apart(lab: Labs) -> None:
    things = lab()
    entry = things.land("a,Höhe,Hähe,番号,—,b\n1,x,y,z,v,2\n")
    assert entry.detail == "unknown columns kept: hähe, höhe, unnamed_5, 番号"
    ((extra,),) = things.all("select _extra from raw.things")
    assert json.loads(extra) == {"höhe": "x", "hähe": "y", "番号": "z", "unnamed_5": "v"}
    # In another order and spelling they are the same row.
    again = things.land("b,番号,hähe,a,HÖHE, - \n2,z,y,1,x,v\n")
    assert (again.n_new, again.n_known) == (1, 0)  # but for unnamed_6
    again = things.land("b,番号,hähe,a,—,HÖHE\n2,z,y,1,v,x\n")
    assert (again.n_new, again.n_known) == (0, 1)


@pytest.mark.fault("text.other_scripts", "text.renamed_column")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_aliases_of_any_script_lead_to_their_column(lab: Labs, encoding: str) -> None:
    columns = as_columns(a="Größe", strasse="Straße", hoehe="Höhe") | {"b": {}}
    things = lab(columns=columns, encodings=["utf-8", "utf-16", "latin-1"])
    data = "Größe,Straße,Hähe,Höhe\n1,A,2,3\n"
    assert things.land(data.encode(encoding)).status == "landed"
    assert things.rows() == [("1", "A", "3", None)]
    assert things.all("select _extra from raw.things") == [('{"hähe":"2"}',)]


@pytest.mark.fault("text.other_scripts", "text.two_headers")
def test_a_header_of_another_script_again_is_rejected(lab: Labs) -> None:
    things = lab(columns=as_columns(a="番号", b="植物名"))
    entry = things.land("番号,植物名,备注\n1,x,\n番号,植物名,备注\n2,y,\n")
    assert (entry.n_records, entry.n_rejected) == (3, 1)
    entry = things.land("备注,番号,植物名\n,3,x\n备注,番号,植物名\n,4,y\n")
    assert (entry.n_records, entry.n_rejected) == (2 + 1, 1)


@pytest.mark.fault("text.two_headers")
def test_a_header_of_long_and_short_names_again_is_rejected(lab: Labs) -> None:
    names = ["the_name_of_the_first_column", "the_name_of_the_second_one", "a"]
    things = lab(columns={name: {} for name in names})
    header = ",".join(names)
    entry = things.land(f"{header}\n1,x,1\n{header}\n2,y,2\n")
    assert (entry.n_records, entry.n_rejected) == (3, 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": {"aliases": ["—"]}}, "alias '—' of a has no letter or digit"),
        (
            {"a": {"aliases": ["番号"]}, "b": {"aliases": ["番号"]}},
            "more than one column: 番号",
        ),
        ({"a": {"aliases": ["B"]}, "b": {}}, "headers of more than one column: b"),
    ],
)
def test_aliases_that_lead_nowhere_are_refused(
    columns: dict[str, dict[str, list[str]]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_feed(columns=columns)


def test_one_alias_may_stand_twice() -> None:
    feed = make_feed(columns={"a": {"aliases": ["A", "Ä", "ä"]}})
    assert feed.by_header == {"a": "a", "ä": "a"}


def test_accidents_that_lost_their_ids_are_of_no_other_vintage() -> None:
    accidents = load_feeds()["accidents"]
    columns = ["first_occurrence_date", "neighborhood_id", "harmful_event_seq_1"]
    vintages = [accidents.layout_of([*columns, *more]) for more in ([], ["incident_id"])]
    assert [vintage and vintage.name for vintage in vintages] == ["crashes_22", None]
