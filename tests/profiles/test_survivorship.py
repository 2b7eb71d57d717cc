"""Golden records: each rule and every combination of rules, held against a slow reference; order does not matter."""

import datetime as dt
import random
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.rectification import correct, ensure_table
from cdp_assets.profiles.survivorship import golden_records_query
from cdp_model.corrections import Correction
from cdp_model.survivorship import ADDRESS, RECORD_ATTRIBUTES, RECORD_COLUMNS, Survivorship
from tests.profiles.survivorship_reference import Record, golden, with_corrections

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
VALUES: dict[str, list[Any]] = {
    "first_name": ["Zoë", "Zoe\u0308", "ZOË", "李"],
    "last_name": ["O'Brien", "Åström"],
    "date_of_birth": [dt.date(1980, 5, 5), dt.date(1980, 5, 6)],
    "gender": ["female", "other"],
    "email": ["a@x.example", "b@x.example"],
    "phone": ["+4930901820", "+491712334568"],
    **{part: ["A", "B"] for part in ADDRESS},
}
RULES: list[Any] = ["most_recent", "most_frequent", "most_complete"]
RULES += [{"source_priority": ["crm", "shop"]}, {"verified_first": "attributes->>'verified' = 'true'"}]


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    keys = draw(st.lists(st.sampled_from([f"{s}:{n}" for s in ("crm", "shop", "web") for n in "12é"]), unique=True))
    return [
        Record(
            key,
            draw(st.sampled_from("pq")),
            draw(st.none() | st.integers(0, 2).map(lambda day: START + dt.timedelta(days=day))),
            draw(st.sampled_from([None, False, True])),
            draw(st.fixed_dictionaries({n: st.none() | st.sampled_from(v) for n, v in VALUES.items()})),
        )
        for key in keys
    ]


@st.composite
def corrections(draw: st.DrawFn, records: list[Record]) -> list[Correction]:
    places = st.tuples(st.sampled_from([r.key for r in records]), st.sampled_from(sorted(VALUES)))
    found = []
    for key, attribute in draw(st.lists(places, max_size=4, unique=True)) if records else []:
        value = draw(st.none() | st.sampled_from([str(v) for v in VALUES[attribute]]))
        found.append(Correction(key, attribute, value, "ann", START + dt.timedelta(hours=draw(st.integers(0, 2)))))
    return found


def rules() -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(RULES), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """The tables that golden records are made from; no lake is needed to ask what the query says."""
    con = duckdb.connect()
    con.execute(
        f"""SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake;
        CREATE SCHEMA lake.standardized; CREATE SCHEMA lake.identity; CREATE SCHEMA lake.profiles;
        CREATE TABLE lake.standardized.customers ({", ".join(f"{n} {k}" for n, k in RECORD_COLUMNS.items())});
        CREATE TABLE lake.identity.record_persons (record_key VARCHAR, person_id VARCHAR);
        CREATE VIEW lake.identity.persons AS SELECT person_id, count(*) AS records, NULL::VARCHAR[] AS sources,
            NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
        FROM lake.identity.record_persons GROUP BY person_id;
        CREATE TABLE lake.identity.households (person_id VARCHAR, household_id VARCHAR)"""
    )
    ensure_table(con)
    return con


def known(con: duckdb.DuckDBPyConnection, people: list[Record], corrected: list[Correction]) -> None:
    con.execute("DELETE FROM lake.standardized.customers; DELETE FROM lake.identity.record_persons")
    con.execute("DELETE FROM lake.profiles.corrections")
    names = ("record_key", "source", *RECORD_ATTRIBUTES, "attributes", "updated_at")
    for record in people:
        verified = None if record.verified is None else f'{{"verified": {str(record.verified).lower()}}}'
        values = [record.values.get(name) for name in RECORD_ATTRIBUTES]
        con.execute(
            f"INSERT INTO lake.standardized.customers ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [record.key, record.source, *values, verified, record.updated_at],
        )
        con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?)", [record.key, record.person])
    correct(con, corrected, "command")


def answers(con: duckdb.DuckDBPyConnection, survivorship: Survivorship) -> dict[str, Any]:
    """What the query says, in the form of the reference."""
    cursor = con.execute(golden_records_query(survivorship))
    columns = [column[0] for column in cursor.description or ()]
    found = {}
    for row in (dict(zip(columns, values, strict=True)) for values in cursor.fetchall()):
        row["address"] = tuple(row[part] for part in ADDRESS)
        row["address"] = row["address"] if any(part is not None for part in row["address"]) else None
        origins = row["provenance"]
        assert {n: o["values"] for n, o in origins.items() if o} == {
            n: row["disagreeing"][n] for n, o in origins.items() if o
        }
        found[row["person_id"]] = {name: origin and (row[name], *origin.values()) for name, origin in origins.items()}
    return found


@settings(max_examples=50, deadline=None)
@given(
    data=st.data(), people=records(), attributes=st.fixed_dictionaries({n: rules() for n in Survivorship.model_fields})
)
def test_the_query_says_what_the_slow_reference_says(
    con: duckdb.DuckDBPyConnection, data: st.DataObject, people: list[Record], attributes: dict[str, Any]
) -> None:
    declared, corrected = Survivorship(**attributes), data.draw(corrections(people))
    known(con, people, corrected)
    expected = answers(con, declared)
    assert expected == golden(people, corrected, declared)
    shuffled = random.Random(0).sample(people, len(people))
    known(con, shuffled, list(reversed(corrected)))
    assert answers(con, declared) == expected


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=15, deadline=None)
@given(people=records())
def test_each_rule_alone_says_what_the_slow_reference_says(
    con: duckdb.DuckDBPyConnection, rule: Any, people: list[Record]
) -> None:
    declared = Survivorship(**dict.fromkeys(Survivorship.model_fields, rule))
    known(con, people, [])
    assert answers(con, declared) == golden(people, [], declared)


def person(con: duckdb.DuckDBPyConnection, declared: Survivorship, *people: Record) -> Any:
    known(con, list(people), [])
    return answers(con, declared)["p"]


def test_a_condition_that_cannot_be_computed_verifies_nothing(con: duckdb.DuckDBPyConnection) -> None:
    declared = Survivorship(email={"verified_first": "(attributes->>'verified')::INT > 0"})
    people = [
        Record("crm:1", "p", None, True, {"email": "a@x.example"}),
        Record("web:1", "p", None, None, {"email": "b@x.example"}),
    ]
    assert person(con, declared, *people)["email"][:2] == ("b@x.example", "web:1")


def test_a_rule_decides_only_what_those_before_it_left_open(con: duckdb.DuckDBPyConnection) -> None:
    declared = Survivorship(first_name=["most_frequent", {"source_priority": ["crm"]}])
    people = [
        Record("crm:1", "p", START, None, {"first_name": "Liz"}),
        Record("shop:1", "p", START, None, {"first_name": "Elizabeth"}),
        Record("web:1", "p", START, None, {"first_name": "Elizabeth"}),
    ]
    assert person(con, declared, *people)["first_name"] == ("Elizabeth", "web:1", "web", START, "most_frequent", 2)
    decided = person(con, declared, *people[:2])["first_name"]
    assert decided == ("Liz", "crm:1", "crm", START, "source_priority", 2)
    assert person(con, declared, people[1])["first_name"][4] == "only_value"


def test_parts_of_an_address_never_come_from_two_records(con: duckdb.DuckDBPyConnection) -> None:
    people = [
        Record("crm:1", "p", START, None, {"street": "A 1", "city": "Bonn"}),
        Record("shop:1", "p", START + dt.timedelta(days=1), None, {"country": "FR"}),
    ]
    assert person(con, Survivorship(), *people)["address"][:2] == (("A 1", "Bonn", None, None, None), "crm:1")


def test_a_corrected_part_of_an_address_stands_in_the_address_of_its_record(con: duckdb.DuckDBPyConnection) -> None:
    people = [
        Record("crm:1", "p", START, None, {"street": "A 1", "city": "Bon"}),
        Record("shop:1", "p", START + dt.timedelta(days=1), None, {"street": "B 2", "city": "Ulm"}),
    ]
    corrected = [Correction("crm:1", "city", "Bonn", "ann", START)]
    known(con, people, corrected)
    value, key, _, _, rule, _ = answers(con, Survivorship())["p"]["address"]
    assert (value[:2], key, rule) == (("A 1", "Bonn"), "crm:1", "correction")
    assert with_corrections(people[0], corrected).values["city"] == "Bonn"
