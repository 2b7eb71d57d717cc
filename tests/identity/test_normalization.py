"""Equal things compare equal, and values that mean nothing are null."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from cdp_assets.identity.normalization import latin_letters, prepare
from cdp_model.identity import IdentitySettings


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        prepare(connection, IdentitySettings())
        yield connection


def value(con: duckdb.DuckDBPyConnection, expression: str, *values: Any) -> Any:
    row = con.execute(f"SELECT {expression}", list(values)).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Müller", "MUELLER"), ("Müller", "Muller"), ("José", "jose"), ("Weiß", "Weiss"), ("Søren", "soren")],
)
def test_spellings_of_one_name_fold_to_the_same(con, one, other):
    assert value(con, "folded(?) = folded(?)", one, other)


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("Dr. Anna-Maria", ["anna", "maria"]),
        ("O'Brien Jr.", ["obrien"]),
        ("Иван", ["ivan"]),
        ("Don", ["don"]),
        ("李 明", ["李", "明"]),
        ("N/A", None),
        ("asdf", None),
    ],
)
def test_names_lose_titles_and_suffixes_and_placeholders_are_none(con, written, tokens):
    assert value(con, "name_tokens(?)", written) == tokens


def test_names_of_other_alphabets_are_written_in_latin_letters(con):
    assert value(con, "folded(?) = folded(?)", "Щербаков", "Shcherbakov")
    assert value(con, "folded(?) = folded(?)", "Ελένη", "Eleni")


def test_every_letter_of_an_alphabet_has_its_place(con):
    letters = {letter: latin for letter, latin in latin_letters().items() if unicodedata.is_normalized("NFC", letter)}
    assert len(letters) > 1_000
    found = con.execute("SELECT latin(letter) FROM (SELECT unnest(?) AS letter)", [list(letters)]).fetchall()
    assert [latin for (latin,) in found] == list(letters.values())


@pytest.mark.parametrize(
    ("written", "suffix"),
    [("Ott Jr.", "jr"), ("Ott Senior", "sr"), ("Ott III", "iii"), ("Ott", None), ("Junior", None)],
)
def test_a_generation_is_read_from_the_end_of_a_name(con, written, suffix):
    assert value(con, "generation_suffix(?)", written) == suffix


@pytest.mark.parametrize(
    ("written", "expected"), [("786-77-6454", "786776454"), ("A-17", "A-17"), ("000-00-0000", None), (" ", None)]
)
def test_numbers_lose_their_separators_and_placeholders_are_none(con, written, expected):
    assert value(con, "identifier(?)", written) == expected


@pytest.mark.parametrize(
    ("user", "made"),
    [("anna.ott", True), ("a_ott", True), ("ott", True), ("ann-ott", True), ("anna.ott7", False), ("die.otts", False)],
)
def test_an_address_made_of_a_name_alone_is_known(con, user, made):
    assert value(con, "made_of_names(letters_alone(?), ['ann', 'anna'], 'ott')", user) is made


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Max.Muster+shop@googlemail.com", "maxmuster@gmail.com"),
        ("max.muster+shop@mail.example", "max.muster@mail.example"),
        ("test@test.com", None),
        ("INFO@company.example", None),
        ("not an address", None),
    ],
)
def test_email_addresses_lose_tags_and_role_addresses_are_none(con, written, expected):
    assert value(con, "personal_email(?)", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("+491712334568", "+491712334568"), ("+490000000000", None), ("+491234567890", None), ("12", None)],
)
def test_phone_numbers_that_nobody_has_are_none(con, written, expected):
    assert value(con, "personal_phone(?)", written) == expected


@pytest.mark.parametrize("day", ["1900-01-01", "1970-01-01", "1850-05-05", "2999-01-01"])
def test_birth_dates_that_forms_fill_in_are_none(con, day):
    assert value(con, "plausible_birth(?::DATE)", day) is None


def test_an_ambiguous_short_form_keeps_all_its_meanings(con):
    forms = dict(con.execute("SELECT name, (canonical, forms) FROM nickname_groups").fetchall())
    assert forms["bob"][0] == "robert"
    assert "robert" in forms["bob"][1]
    assert forms["alex"][0] == "alex"
    assert {"alexander", "alexandra"} <= set(forms["alex"][1])


@pytest.mark.parametrize(("short", "full"), [("peggy", "margaret"), ("gosia", "malgorzata"), ("sasha", "aleksandr")])
def test_short_forms_of_many_languages_are_known(con, short, full):
    forms = dict(con.execute("SELECT name, forms FROM nickname_groups").fetchall())
    assert full in forms[short]


@pytest.mark.parametrize(
    ("phone", "kind"),
    [("+4915112377065", "mobile"), ("+493077288911", "landline"), ("+12129642001", None), ("0151123770", None)],
)
def test_a_mobile_phone_is_told_from_a_landline_where_the_country_does(con, phone, kind):
    assert value(con, "phone_kind(?)", phone) == kind
