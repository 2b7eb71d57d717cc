"""A merge or a split moves memberships with the people: real people of the identity stage, on the days around it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_assets.segments.changes import CHANGES_ADD_UP, compare_days
from cdp_assets.segments.memberships import evaluate_days
from cdp_assets.segments.tables import ensure_tables
from cdp_model.identity import IdentitySettings
from cdp_model.traits import PERSON_COLUMNS, Segment
from cdp_resources.lake import Lake
from tests.identity.identity_population import quick_lake, run_stage, standardize, table
from tests.profiles.conftest import model

ANNA = {"key": "crm:1", "first_name": "Anna", "last_name": "Ott", "email": "anna@mail.example", "city": "Ulm"}
SHOP = {"key": "shop:1", "first_name": "Anna", "last_name": "Ott", "phone": "+491712334568", "city": "Ulm"}
BOTH = {**SHOP, "email": "anna@mail.example"}
KNOWN = ("person_id", "city", "as_of")
DAYS = [dt.date(2026, 3, day) for day in range(1, 4)]
IN_ULM = {"in_ulm": Segment(description="Lives in Ulm", all=["city = 'Ulm'"])}
EVENTS = """
CREATE TABLE IF NOT EXISTS lake.standardized.events (event_id VARCHAR, source VARCHAR, event_name VARCHAR,
    record_key VARCHAR, device VARCHAR, occurred_at TIMESTAMPTZ, received_at TIMESTAMPTZ, revenue DECIMAL(18,4),
    currency VARCHAR, order_id VARCHAR, product_id VARCHAR, quantity DOUBLE,
    properties JSON);
CREATE TABLE IF NOT EXISTS lake.standardized.consents (consent_id VARCHAR, record_key VARCHAR, purpose VARCHAR,
    channel VARCHAR, status VARCHAR, basis VARCHAR, occurred_at TIMESTAMPTZ, source VARCHAR)"""

GOLDEN_RECORDS = f"""
CREATE OR REPLACE TABLE lake.profiles.golden_records AS
SELECT person_id, {", ".join(f"NULL::{kind} AS {name}" for name, kind in PERSON_COLUMNS.items() if name not in KNOWN)},
    any_value(city) AS city
FROM lake.identity.record_persons JOIN lake.standardized.customers USING (record_key) GROUP BY person_id"""


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with quick_lake(tmp_path) as opened:
        yield opened


def live(lake: Lake, records: list[dict[str, Any]], day: dt.date) -> None:
    """A day as it goes: records come, people are resolved, golden records made, segments evaluated and compared."""
    standardize(lake, records)
    run_stage(lake, IdentitySettings(), run_id=str(day))
    evaluate(lake, [day])


def evaluate(lake: Lake, days: list[dt.date]) -> None:
    with lake.transaction() as con:
        con.execute(EVENTS)
        con.execute(GOLDEN_RECORDS)
        evaluate_days(con, model(segments=IN_ULM), days)
        compare_days(con, days)
        assert CHANGES_ADD_UP.result(con, ["segments", "changes"]).passed


def person_of(lake: Lake, key: str) -> str:
    ((person,),) = table(lake, f"SELECT person_id FROM lake.identity.record_persons WHERE record_key = '{key}'")
    return str(person)


def changes(lake: Lake, day: dt.date) -> list[tuple[Any, ...]]:
    return table(
        lake,
        f"""SELECT person_id, change, other_person_id FROM lake.segments.changes WHERE as_of = DATE '{day}'
        ORDER BY ALL""",
    )


def test_a_merge_of_two_members_and_a_split_are_neither_entry_nor_exit(lake: Lake) -> None:
    live(lake, [ANNA, SHOP], DAYS[0])
    both = {person_of(lake, "crm:1"), person_of(lake, "shop:1")}
    assert changes(lake, DAYS[0]) == sorted((person, "entered", None) for person in both)
    live(lake, [ANNA, BOTH], DAYS[1])
    survivor = person_of(lake, "crm:1")
    (lost,) = both - {survivor}
    assert changes(lake, DAYS[1]) == [(lost, "merged", survivor)]
    live(lake, [ANNA, SHOP], DAYS[2])
    (new,) = {person_of(lake, "crm:1"), person_of(lake, "shop:1")} - {survivor}
    assert changes(lake, DAYS[2]) == [(new, "moved", survivor)]
    evaluate(lake, [DAYS[0]])  # with the people of now there was no split, and so nothing moved
    assert changes(lake, DAYS[0]) == sorted((person, "entered", None) for person in (new, survivor))
    evaluate(lake, [DAYS[1], DAYS[2]])
    assert changes(lake, DAYS[1]) == changes(lake, DAYS[2]) == []


# Hand-made people from here on: a record is of whom `record_history` says, and only those named are in the segment.
# Moments: 1 when the day before was made, 2 when identity changed, 3 when the day was made.
@pytest.mark.parametrize(
    ("was", "is_now", "before", "after", "expected"),
    [
        ("ab", "bb", "a", "b", [("a", "merged", "b"), ("b", "moved", "a")]),
        ("ab", "bb", "ab", "b", [("a", "merged", "b")]),
        ("ab", "bb", "a", "", [("a", "exited", None)]),
        ("ab", "bb", "", "b", [("b", "entered", None)]),
        ("aab", "acb", "a", "ac", [("c", "moved", "a")]),
        ("aab", "acb", "a", "c", [("a", "split", "c"), ("c", "moved", "a")]),
        ("aab", "acb", "a", "a", []),
        ("aab", "abb", "a", "b", [("a", "split", "b"), ("b", "moved", "a")]),
        ("ab", "-b", "ab", "b", [("a", "exited", None)]),
    ],
    ids=[
        "into one who was outside",
        "into another member",
        "into one who is outside",
        "of two who were outside",
        "a new person, both inside",
        "a new person who takes the membership along",
        "a new person outside",
        "one record to another person",
        "a person whose records are gone",
    ],
)
def test_a_membership_follows_the_records(
    lake: Lake, was: str, is_now: str, before: str, after: str, expected: list[tuple[Any, ...]]
) -> None:
    with lake.transaction() as con:
        con.execute(
            "CREATE TABLE lake.identity.record_history (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ)"
        )
        ensure_tables(con)
        for number, (former, present) in enumerate(zip(was, is_now, strict=True)):
            rows: list[tuple[Any, ...]] = [(f"r{number}", former, moment(0))]
            if present != former:
                rows.append((f"r{number}", None if present == "-" else present, moment(2)))
            con.executemany("INSERT INTO lake.identity.record_history VALUES (?, ?, ?)", rows)
        for day, made_at, members in ((DAYS[0], moment(1), before), (DAYS[1], moment(3), after)):
            con.execute("INSERT INTO lake.segments.evaluations VALUES (?, 's', ?, ?)", [day, len(members), made_at])
            for person in members:
                con.execute("INSERT INTO lake.segments.memberships VALUES (?, 's', ?)", [day, person])
        compare_days(con, DAYS[:2])
        assert CHANGES_ADD_UP.result(con, ["segments", "changes"]).passed
    assert changes(lake, DAYS[1]) == expected


def moment(hour: int) -> dt.datetime:
    return dt.datetime(2026, 3, 9, hour, tzinfo=dt.UTC)
