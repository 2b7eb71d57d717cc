"""Addresses that mean one place compare equal, as their country writes them; others do not."""

from collections.abc import Iterator

import duckdb
import pytest

from cdp_assets.identity.addresses import countries, normalise_addresses, words
from cdp_assets.identity.normalization import prepare
from cdp_model.identity import IdentitySettings

ALIKE = [
    ("US", "123 North Main Street, Apt. 4B", "123 N Main St #4B"),
    ("US", "Suite 200, 350 5th Avenue", "350 5th Ave Ste 200"),
    ("US", "1600 Pennsylvania Avenue NW", "1600 Pennsylvania Ave. Northwest"),
    ("US", "P.O. Box 1234", "PO Box 1234"),
    ("GB", "Flat 2, 14 King's Road", "14 Kings Rd, Flat 2"),
    ("GB", "14 St. James's Gardens", "14 Saint James's Gdns"),
    ("DE", "Hauptstraße 12 a", "Hauptstr.12A"),
    ("DE", "Karl-Marx-Strasse 5", "Karl Marx Str. 5"),
    ("DE", "Straße des 17. Juni 135", "Str. des 17 Juni Nr. 135"),
    ("DE", "Marienplatz 8", "Marienpl. 8"),
    ("AT", "Mariahilfer Straße 12/3", "Mariahilfer Str. 12 Top 3"),
    ("FR", "12 bis, rue de la République", "12B r. de la Republique"),
    ("FR", "45 avenue du Général de Gaulle, 3e étage", "45 av. Gal de Gaulle étage 3"),
    ("FR", "8, bd Saint-Germain, appt 12", "8 boulevard St Germain appartement 12"),
    ("ES", "C/ Mayor, 12, 3º B", "Calle Mayor nº 12, piso 3, puerta B"),
    ("ES", "Avda. de la Constitución 5", "Avenida Constitución, núm. 5"),
    ("IT", "P.zza San Marco, 3", "Piazza S. Marco n. 3"),
    ("IT", "V.le Europa 12/A int. 5", "Viale Europa 12A, interno 5"),
    ("NL", "Kerkstraat 12-3", "Kerkstr. 12 appartement 3"),
    ("NL", "Prinses Beatrixlaan 5 A", "Prinses Beatrixlaan 5a"),
    ("CA", "10-123 Main Street W", "123 Main St West, Unit 10"),
    ("CA", "1234, rue Sainte-Catherine Ouest, app. 5", "1234 rue Ste-Catherine O, appt 5"),
    ("AU", "5/12 Smith Street", "Unit 5, 12 Smith St"),
    ("AU", "Shop 3, 88 Mount Street", "88 Mt St Shop 3"),
    ("BR", "Av. Paulista, 1578 - apto 45", "Avenida Paulista nº 1578, apartamento 45"),
    ("BR", "R. das Flores, 123", "Rua Flores 123"),
    ("PL", "ul. Długa 12/3", "Długa 12 m. 3"),
    (None, "5 Main Street", "5 main st."),
    (None, "Hauptstraße 12 a", "Hauptstr. 12a"),
]  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        prepare(connection, IdentitySettings())
        yield connection


def normalised(con: duckdb.DuckDBPyConnection, country: str | None, part: str, *values: str) -> list[str | None]:
    """Street, city or postal_code of each value."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE changed_customers (street TEXT, city TEXT, postal_code TEXT, country TEXT)"
    )
    con.executemany(
        f"INSERT INTO changed_customers BY NAME SELECT ? AS {part}, ? AS country", [(v, country) for v in values]
    )
    normalise_addresses(con)
    table = {"street": "street_lines", "city": "city_names", "postal_code": "post_codes"}[part]
    found = dict(con.execute(f"SELECT value, {part} FROM {table}").fetchall())
    return [found.get(value) for value in values]


@pytest.mark.parametrize(("country", "one", "other"), ALIKE)
def test_spellings_of_one_address_are_equal(con, country, one, other):
    left, right = normalised(con, country, "street", one, other)
    assert left == right
    assert left


@pytest.mark.parametrize(
    ("country", "one", "other"),
    [
        ("US", "123 Main St", "123 Maine St"),
        ("US", "123 Main St", "125 Main St"),
        ("GB", "Flat 2, 14 High Street", "Flat 3, 14 High Street"),
        ("AU", "5/12 Smith Street", "12/5 Smith Street"),
        ("DE", "Hauptstraße 12a", "Hauptstraße 12b"),
        ("ES", "Calle Mayor 12, 3º B", "Calle Mayor 12, 3º C"),
        ("IT", "Via Roma 3", "Viale Roma 3"),
    ],
)
def test_other_addresses_stay_others(con, country, one, other):
    left, right = normalised(con, country, "street", one, other)
    assert left != right


def test_a_word_means_what_its_country_means_by_it(con):
    assert normalised(con, "ES", "street", "Cl. Mayor 3") == normalised(con, "ES", "street", "Calle Mayor 3")
    assert normalised(con, "GB", "street", "3 Manor Cl") == normalised(con, "GB", "street", "3 Manor Close")


@pytest.mark.parametrize(
    ("country", "written", "expected"),
    [
        ("GB", "sw1a 1aa", "SW1A1AA"),
        ("NL", "1017 ab", "1017AB"),
        ("CA", "k1a0b6", "K1A0B6"),
        ("SE", "SE-114 55", "11455"),
        ("DE", "1067", "01067"),
        ("DE", "D-01067", "01067"),
        ("US", "2108", "02108"),
        ("US", "02108-1234", "02108"),
        ("FR", "F-75001", "75001"),
        ("BR", "1310-100", "01310100"),
        ("AU", "800", "0800"),
        ("US", "K1A 0B6", "K1A0B6"),
        (None, "2108", "2108"),
        ("DE", "-", None),
    ],
)
def test_postal_codes_are_as_long_as_their_countrys(con, country, written, expected):
    assert normalised(con, country, "postal_code", written) == [expected]


@pytest.mark.parametrize(
    ("country", "one", "other"),
    [
        ("US", "St. Louis, MO", "Saint Louis"),
        ("FR", "PARIS CEDEX 15", "Paris 15e"),
        ("GB", "London SE1", "london"),
        ("BR", "São Paulo - SP", "Sao Paulo"),
        ("AU", "Mount Isa QLD", "Mt Isa"),
        ("IT", "Reggio Emilia (RE)", "Reggio Emilia"),
        ("DE", "Sankt Augustin", "St. Augustin"),
    ],
)
def test_a_city_is_itself_with_and_without_district_and_region(con, country, one, other):
    left, right = normalised(con, country, "city", one, other)
    assert left == right
    assert left


def test_a_city_that_is_called_like_a_region_keeps_its_name(con):
    assert normalised(con, "IT", "city", "Ro") == ["ro"]


def test_countries_name_languages_that_are_there_and_words_mean_one_thing():
    known = [(country, part, word) for country, part, word, _ in words()]
    assert len(known) == len(set(known))
    assert all(len(code) == 2 and code.isupper() for code in countries())
