"""Customer records: which version counts, what is cleaned, and that small steps give what one big step gives."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.standardized.customers import update_customers
from cdp_assets.standardized.mapped import mappings
from cdp_assets.standardized.reconciliation import customer_books, verdict
from cdp_resources.lake import Lake
from tests.small_company import COMPANY, SHOP, SmallCompany, broken_facts, csv, day, load_days, metadata_of, undone

PEOPLE = ["raw/shop__people", "standardized/customers"]
HEADER = "id,first_name,email,phone,country,updated_at,gone,news"


def land(company: SmallCompany, number: int, *rows: str, header: str = HEADER) -> None:
    company.land(f"people/2026-03-{number:02}.csv", csv(header, *rows))


def customers(company: SmallCompany, columns: str = "record_key, first_name") -> list[tuple[Any, ...]]:
    return company.query(f"SELECT {columns} FROM lake.standardized.customers ORDER BY ALL")


def cleaned(company: SmallCompany, field: str, *values: str, country: str = "") -> list[Any]:
    """What becomes of values of one field, in order."""
    rows = [{"id": str(i), field: value, "country": country} for i, value in enumerate(values)]
    if field == "country":
        rows = [{"id": str(i), field: value} for i, value in enumerate(values)]
    names = list(rows[0])
    quoted = [",".join('"' + row[name].replace('"', '""') + '"' for name in names) for row in rows]
    land(company, 1, *quoted, header=",".join(names))
    company.bring("customers")
    found = dict(company.query(f"SELECT record_key, {field} FROM lake.standardized.customers"))
    return [found[f"shop:{i}"] for i in range(len(values))]


def test_a_record_is_what_its_latest_row_says(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,ann@x.org,030 901820,Germany,2026-03-01 10:00,,", "2,Bob,,,,2026-03-01,,")
    land(company, 2, "1,Anne,,,,2026-03-02 10:00,,")
    assert broken_facts(company.materialize(*PEOPLE, days=[1, 2])) == []
    assert customers(company, "record_key, source, first_name, email, phone, country, identifiers, _versions") == [
        ("shop:1", "shop", "Anne", None, None, "DE", {"account_id": ["1"]}, 2),
        ("shop:2", "shop", "Bob", None, None, "DE", {"account_id": ["2"]}, 1),
    ]


@pytest.mark.parametrize("order", [(3, 2, 1), (2, 3, 1)])
@pytest.mark.parametrize("dated", [True, False])
def test_the_latest_version_wins_in_whatever_order_days_are_loaded(
    company: SmallCompany, order: Iterable[int], dated: bool
) -> None:
    for number in (1, 2, 3):
        land(company, number, f"1,Version {number},,,,{f'2026-03-0{number}' if dated else ''},,")
    for number in order:
        company.bring("customers", days=[number])
    assert customers(company) == [("shop:1", "Version 3")]


def test_of_two_rows_of_one_moment_the_later_days_wins(company: SmallCompany) -> None:
    for number in (2, 1):
        land(company, number, f"1,Day {number},,,,2026-03-01,,")
        company.bring("customers", days=[number])
    assert customers(company) == [("shop:1", "Day 2")]


def test_a_rewritten_file_gives_its_latest_version(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,,,,2026-03-01,,", "2,Bob,,,,,,")
    company.bring("customers")
    land(company, 1, "1,Anna,,,,2026-03-01,,", "2,Bobby,,,,,,")
    company.bring("customers")
    assert customers(company) == [("shop:1", "Anna"), ("shop:2", "Bobby")]


def test_deleted_records_vanish_and_come_back(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,ann@x.org,,,2026-03-01,,")
    land(company, 2, "1,,,,,2026-03-02,true,")
    land(company, 3, "1,Again,,,,2026-03-03,false,")
    for number, expected in ((1, [("shop:1", "Ann", 1)]), (2, []), (3, [("shop:1", "Again", 3)])):
        company.bring("customers", days=[number])
        assert customers(company, "record_key, first_name, _versions") == expected
        deletions = company.query("SELECT record_key, versions FROM lake.standardized.deletions")
        assert deletions == ([("shop:1", 2)] if number == 2 else [])


@pytest.mark.parametrize("deleted", ["gone", "gone::boolean"])
def test_a_deletion_that_can_not_be_read_is_quarantined_and_not_taken_for_no(
    company: SmallCompany, deleted: str
) -> None:
    company.amend("sources/shop.yaml", "deleted: gone", f"deleted: {deleted}")
    land(company, 1, "1,Ann,,,,2026-03-01,,", "2,Bob,,,,2026-03-01,yes please,")
    company.bring("customers")
    assert customers(company) == [("shop:1", "Ann")]
    assert company.query("SELECT reasons FROM lake.standardized.quarantine") == [(["deleted is not true or false"],)]


FILL = SHOP.replace("id: id\n          deleted", "id: id\n          merge: fill\n          deleted").replace(
    "identifiers: {account_id: id}", "identifiers: {device: news}\n          attributes: {town: country, tel: phone}"
)


def test_with_fill_each_field_keeps_its_latest_value(company: SmallCompany) -> None:
    company.declare("sources/shop.yaml", FILL)
    land(
        company, 1, "1,Ann,ann@x.org,,Germany,2026-03-01,,a", "1,,,030 901820,,2026-03-02,,b", "1,Anne,,,,2026-03-03,,a"
    )
    company.bring("customers")
    columns = "first_name, email, phone, country, identifiers, attributes, updated_at::DATE, _versions"
    assert customers(company, columns) == [
        (
            *("Anne", "ann@x.org", "+4930901820", "DE", {"device": ["a", "b"]}),
            *('{"town":"Germany","tel":"030 901820"}', dt.date(2026, 3, 3), 3),
        )
    ]


def test_what_was_filled_before_a_deletion_does_not_come_back_with_the_record(company: SmallCompany) -> None:
    company.declare("sources/shop.yaml", FILL)
    land(company, 1, "1,Ann,ann@x.org,030 901820,DE,2026-03-01,,old")
    land(company, 2, "1,,,,,2026-03-02,true,")
    land(company, 3, "1,Anne,,,,2026-03-03,,new")
    company.bring("customers", days=[1, 3])
    columns = "first_name, email, phone, identifiers, attributes, _versions"
    assert customers(company, columns) == [("Anne", None, None, {"device": ["new"]}, '{"town":null,"tel":null}', 3)]


def test_only_records_that_new_extracts_mention_are_made_again(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,,,,2026-03-01,,", "2,Bob,,,,2026-03-01,,")
    company.bring("customers")
    land(company, 2, "2,Bobby,,,,2026-03-02,,", "3,Cy,,,,2026-03-02,,")
    assert metadata_of(company.materialize(*PEOPLE, days=[2]), "standardized/customers")["records_changed"] == 2
    assert metadata_of(company.materialize(*PEOPLE, days=[2]), "standardized/customers")["records_changed"] == 0
    assert customers(company) == [("shop:1", "Ann"), ("shop:2", "Bobby"), ("shop:3", "Cy")]


def test_a_changed_mapping_makes_every_record_again(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,ann@x.org,,,2026-03-01,,", ",None,,,,,,", "3,Cy,,0171 1234567,,,,")
    company.bring("customers")
    company.amend("sources/shop.yaml", "first_name: first_name", "first_name: upper(first_name)")
    company.bring("customers")
    assert customers(company) == [("shop:1", "ANN"), ("shop:3", "CY")]
    company.amend("sources/shop.yaml", "id: id\n      deleted", "id: coalesce(id, '0')\n      deleted")
    company.bring("customers")
    assert customers(company) == [("shop:0", "NONE"), ("shop:1", "ANN"), ("shop:3", "CY")]
    assert company.one("SELECT count(*) FROM lake.standardized.quarantine") == 0
    company.amend("sources/shop.yaml", "country: DE", "country: GB")
    result = company.materialize("standardized/customers")
    assert broken_facts(result) == []
    assert customers(company, "DISTINCT country") == [("GB",)]


def test_a_stream_that_is_no_longer_declared_takes_its_records_along(company: SmallCompany) -> None:
    text = (company.folder / "sources/shop.yaml").read_text()
    company.declare("sources/till.yaml", text.replace("name: shop", "name: till"))
    land(company, 1, "1,Ann,,,,,,", ",None,,,,,,")
    company.materialize("raw/shop__people", "raw/till__people", "standardized/customers")
    assert customers(company) == [("shop:1", "Ann"), ("till:1", "Ann")]
    (company.folder / "sources/till.yaml").unlink()
    company.bring("customers")
    assert customers(company) == [("shop:1", "Ann")]
    assert company.query("SELECT stream FROM lake.standardized.quarantine") == [("shop__people",)]
    company.declare("sources/till.yaml", text.replace("name: shop", "name: till"))
    company.bring("customers")
    assert customers(company) == [("shop:1", "Ann"), ("till:1", "Ann")]


def test_rows_without_an_id_and_lines_that_are_none_are_quarantined(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,,,,,,", " ,Bob,,,,,,", "too,few")
    company.bring("customers")
    assert company.query("SELECT reasons FROM lake.standardized.quarantine ORDER BY ALL") == [
        (["id is empty"],),
        (["unreadable line: Expected Number of Columns: 8 Found: 2"],),
    ]


def test_an_id_that_two_streams_of_a_source_give_is_told(company: SmallCompany) -> None:
    text = (company.folder / "sources/shop.yaml").read_text()
    people = text[text.index("  people:") : text.index("  events:")]
    again = people.replace("  people:", "  more:").replace("people/{date}", "more/{date}")
    company.declare("sources/shop.yaml", text + again)
    land(company, 1, "1,Ann,,,,,,")
    company.land("more/2026-03-01.csv", csv(HEADER, "1,Ann,,,,,,"))
    result = company.materialize("raw/shop__people", "raw/shop__more", "standardized/customers", raises=False)
    assert broken_facts(result) == ["record_keys_are_unique"]


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM lake.standardized.customers WHERE record_key = 'shop:1'",
        "UPDATE lake.standardized.customers SET _versions = _versions + 1 WHERE record_key = 'shop:1'",
        "DELETE FROM lake.standardized.quarantine",
        "DELETE FROM lake.standardized.deletions",
        "INSERT INTO lake.standardized.customers FROM lake.standardized.customers",
        "DELETE FROM lake.raw.shop__people WHERE id = '1' AND first_name = 'Ann'",
    ],
)
def test_the_books_do_not_balance_after_tampering(company: SmallCompany, tampering: str) -> None:
    land(company, 1, "1,Ann,,,,2026-03-01,,", "1,Anne,,,,2026-03-02,,", "2,,,,,,true,", ",None,,,,,,")
    company.bring("customers")
    company.lake.write(lambda con: con.execute(tampering))
    result = company.materialize("standardized/customers", raises=False)
    assert "counts_reconcile" in broken_facts(result)


def test_e_mails_are_lower_case_addresses_or_nothing(company: SmallCompany) -> None:
    given = [
        " Ann@X.org ",
        "ann@x.org\t",
        "ann@x",
        "ann x@x.org",
        "a@b@c.de",
        "n/a",
        "test@test.com",
        "Ü@Müller.de",
        "",
    ]
    expected = ["ann@x.org", "ann@x.org", None, None, None, None, "test@test.com", "ü@müller.de", None]
    assert cleaned(company, "email", *given) == expected


@pytest.mark.parametrize(
    ("country", "given", "expected"),
    [
        (
            "Germany",
            ["030 901820", "+49 (0)30 901820", "0049 30 901820", "123", "n/a"],
            ["+4930901820"] * 3 + [None] * 2,
        ),
        ("GB", ["020 7946 0018", "+49 30 901820"], ["+442079460018", "+4930901820"]),
        ("", ["030 901820"], ["+4930901820"]),
        ("Atlantis", ["030 901820", "+49 30 901820"], [None, "+4930901820"]),
    ],
)
def test_phones_are_numbers_of_their_country_or_nothing(
    company: SmallCompany, country: str, given: list[str], expected: list[str | None]
) -> None:
    assert cleaned(company, "phone", *given, country=country) == expected


def test_countries_are_codes_whatever_they_are_called(company: SmallCompany) -> None:
    named = {
        "DE": ["DE", "de", " Germany", "Deutschland", "Allemagne", "DEU", "BRD"],
        "GB": ["GB", "UK", "U.K.", "United Kingdom", "the United Kingdom", "England", "Großbritannien", "GBR"],
        "AT": ["Österreich", "O\u0308sterreich", "Osterreich", "AUSTRIA"],
        "TR": ["Türkei", "Turkey", "Türkiye", "TURKIYE"],
        "US": ["USA", "U.S.", "u.s.a.", "United States of America", "Vereinigte Staaten"],
        "CI": ["Côte d'Ivoire", "Côte d’Ivoire", "Elfenbeinküste", "Ivory Coast"],
        "BA": ["Bosnia & Herzegovina", "Bosnia and Herzegovina"],
        "CZ": ["Czechia", "Czech Republic", "Tschechien"],
        "HK": ["Hong Kong"],
        "IE": ["EIRE", "Ireland"],
        "CH": ["Schweiz", "Suisse"],
    }
    given = [(name, code) for code, names in named.items() for name in names]
    assert cleaned(company, "country", *(name for name, _ in given)) == [code for _, code in given]


def test_a_country_that_is_none_is_nothing_and_not_the_sources(company: SmallCompany) -> None:
    assert cleaned(company, "country", "Atlantis", "EU", "-", "49", "") == [None] * 4 + ["DE"]


def test_names_are_repaired_composed_and_freed_of_spaces_but_not_of_placeholders(company: SmallCompany) -> None:
    given = [
        "MÃ¼ller",
        "Mu\u0308ller",
        "  Anna \t Maria ",
        "Ångström",
        "Ã…ngstrÃ¶m",
        "test",
        "n/a",
        "O'Neil",
        "李",
        "Zoë",
        " ",
    ]
    expected = ["Müller", "Müller", "Anna Maria", "Ångström", "Ångström", "test", "n/a", "O'Neil", "李", "Zoë", None]
    assert cleaned(company, "first_name", *given) == expected


def test_genders_are_of_a_few_words_or_nothing(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "country: country\n", "country: country\n      gender: news\n")
    given = ["F", "weiblich", "Frau", "m", "Male", "Herr", "divers", "X", "?", "unknown", ""]
    land(company, 1, *(f"{i:02},{word}" for i, word in enumerate(given)), header="id,news")
    company.bring("customers")
    found = [gender for _, gender in customers(company, "record_key, gender")]
    assert found == ["female"] * 3 + ["male"] * 3 + ["other"] * 2 + [None] * 3


def test_dates_of_birth_are_past_days_of_the_calendar_or_nothing(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "country: country\n", "country: country\n      date_of_birth: news\n")
    given = ["1990-02-28", "1990-02-30", "28.02.1990", "0000-00-00", "1900-01-01", "infinity", "", "2126-03-01"]
    land(company, 1, *(f"{i},{date}" for i, date in enumerate(given)), header="id,news")
    company.bring("customers")
    found = [date for _, date in customers(company, "record_key, date_of_birth")]
    assert found == [dt.date(1990, 2, 28), None, None, None, dt.date(1900, 1, 1), None, None, None]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "never", "290000-01-01", "0001-01-01"])
def test_a_moment_that_is_none_stops_nothing(company: SmallCompany, moment: str) -> None:
    land(company, 1, f"1,Ann,,,,{moment},,", "2,Bob,,,,2026-03-01,,")
    company.bring("customers")
    assert customers(company) == [("shop:1", "Ann"), ("shop:2", "Bob")]


def test_every_identifier_is_a_row(company: SmallCompany) -> None:
    land(company, 1, "1,Ann,Ann@X.org,030 901820,,,,", "2,,nonsense,,,,,")
    company.materialize(*PEOPLE, "standardized/identifiers")
    assert company.query("FROM lake.standardized.identifiers ORDER BY ALL") == [
        ("shop:1", "account_id", "1"),
        ("shop:1", "email", "ann@x.org"),
        ("shop:1", "phone", "+4930901820"),
        ("shop:2", "account_id", "2"),
    ]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", ""]),
        st.sampled_from(["Ann", "Bob", ""]),
        st.sampled_from(["2026-03-01", "2026-03-02", ""]),
        st.sampled_from(["", "", "true", "?"]),
    ),
    max_size=5,
)


@pytest.fixture(scope="module", params=[SHOP, FILL], ids=["replace", "fill"])
def shared(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[SmallCompany, duckdb.DuckDBPyConnection]]:
    """One company and one open connection for many examples."""
    root: Path = tmp_path_factory.mktemp("shared")
    small = SmallCompany(root, Lake(catalog=f"sqlite:{root}/catalog.sqlite", data_path=f"{root}/data"))
    small.declare("company.yaml", COMPANY)
    small.declare("sources/shop.yaml", request.param)
    with small.lake.get_connection() as con:
        yield small, con


OUTCOME = [
    "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.customers ORDER BY ALL",
    "FROM lake.standardized.deletions ORDER BY ALL",
    "SELECT source, stream, output, mapping, payload ->> 'id', payload ->> 'first_name', reasons, _day "
    "FROM lake.standardized.quarantine ORDER BY ALL",
]


@settings(max_examples=8, deadline=None)
@given(
    days=st.lists(ROWS, min_size=3, max_size=3), order=st.permutations([1, 2, 3]), cuts=st.sets(st.sampled_from([1, 2]))
)
def test_small_steps_in_any_order_give_what_one_step_gives(
    shared: tuple[SmallCompany, duckdb.DuckDBPyConnection],
    days: list[list[tuple[str, str, str, str]]],
    order: list[int],
    cuts: set[int],
) -> None:
    company, con = shared
    for number, rows in enumerate(days, start=1):
        # of two rows of one moment in one file, the last counts; here there is one, so that no order matters
        one_a_moment = {(key, at): (key, name, at, gone) for key, name, at, gone in rows}.values()
        land(company, number, *(f"{key},{name},,,,{at},{gone}," for key, name, at, gone in one_a_moment))
    bounds = [0, *sorted(cuts), 3]
    groups = [order[start:end] for start, end in itertools.pairwise(bounds)]
    model, outcomes = company.model, []
    mapped = mappings(model, "customers")
    for runs in ([[1, 2, 3]], groups):
        with undone(con):
            for run in runs:
                load_days(con, company, "shop", "people", [day(number) for number in run])
                update_customers(con, mapped)
                assert verdict(customer_books(con, mapped)).passed
            outcomes.append([con.execute(query).fetchall() for query in OUTCOME])
            con.execute("DELETE FROM lake.standardized.progress")
            update_customers(con, mapped)
            outcomes.append([con.execute(query).fetchall() for query in OUTCOME])
    assert all(outcome == outcomes[0] for outcome in outcomes)
