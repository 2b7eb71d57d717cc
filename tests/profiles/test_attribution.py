"""Whose an event on a device of several people is: held against a slow reference, and asked as of any day."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.attribution import events_of_people, events_of_records, owners_of, users_in_order
from cdp_assets.profiles.people import people_query
from cdp_assets.profiles.timeline import make_timeline
from cdp_assets.segments.memberships import evaluate_days
from cdp_model.identity import IdentitySettings
from cdp_model.traits import Segment, Trait
from cdp_resources.lake import Lake
from tests.profiles.conftest import make_tables, model

DEVICES, PEOPLE = ("d1", "d2"), ("anna", "bernd", "carla")
DAY = dt.date(2026, 3, 1)
TRAITS = {"views": Trait(description="v", aggregate="count")}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Three people with an account each, and two browsers that are visitors of their own."""
    folder = tmp_path_factory.mktemp("attribution")
    with Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data")).get_connection() as con:
        make_tables(con)
        for person in PEOPLE:
            con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?, now())", [f"web:u:{person}", person])
            con.execute(
                "INSERT INTO lake.standardized.customers (record_key, identifiers) "
                "VALUES (?, MAP {'account_id': [?], 'device': ['d1', 'd2']})",
                [f"web:u:{person}", person],
            )
        for device in DEVICES:
            con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?, now())", [f"web:a:{device}", device])
            con.execute(
                "INSERT INTO lake.standardized.customers (record_key, identifiers) VALUES (?, MAP {'device': [?]})",
                [f"web:a:{device}", device],
            )
        for person in (*PEOPLE, *DEVICES):
            con.execute("INSERT INTO lake.profiles.golden_records (person_id) VALUES (?)", [person])
        yield con


def happen(con: duckdb.DuckDBPyConnection, events: list[Event]) -> None:
    """Events with device, hour (from the start of DAY), and who was signed in (None: nobody)."""
    con.execute("DELETE FROM lake.standardized.events; DELETE FROM lake.identity.overrides_in_force")
    for number, event in enumerate(events):
        record = f"web:u:{event['who']}" if event["who"] else f"web:a:{event['device']}"
        at = dt.datetime.combine(DAY, dt.time(), dt.UTC) + dt.timedelta(hours=event["hour"])
        con.execute(
            """INSERT INTO lake.standardized.events (event_id, source, event_name, record_key, device, occurred_at)
            VALUES (?, 'web', 'Seen', ?, ?, ?)""",
            [f"e{number}", record, event["device"], at],
        )


def attributed(con: duckdb.DuckDBPyConnection, most: int = 12) -> dict[str, str]:
    """The person of each event."""
    users, people = users_in_order("happened", most), events_of_people("happened", "users")
    ctes = f"owners AS ({owners_of()}), happened AS ({events_of_records('owners')}), users AS ({users})"
    query = f"WITH {ctes} SELECT event_id, person_id FROM ({people})"
    return dict(con.execute(query).fetchall())


def on_the_timeline(con: duckdb.DuckDBPyConnection, most: int = 12) -> list[tuple[str, str]]:
    """The person of each event, event by event, as `profiles.timeline` says."""
    make_timeline(con, model().model_copy(update={"identity": IdentitySettings(max_household=most)}))
    return con.execute("SELECT event_id, person_id FROM lake.profiles.timeline ORDER BY ALL").fetchall()


def reference(events: list[Event], most: int) -> dict[str, str]:
    """The same, event by event in plain Python."""
    found = {}
    for number, event in enumerate(events):
        known = [(e["hour"], e["who"]) for e in events if e["device"] == event["device"] and e["who"]]
        later = [sign_in for sign_in in known if sign_in[0] >= event["hour"]]
        last = max((hour for hour, _ in known), default=0)
        if event["who"]:
            person = event["who"]
        elif not known or len({who for _, who in known}) > most:
            person = event["device"]
        else:
            person = min(later)[1] if later else min(who for hour, who in known if hour == last)
        found[f"e{number}"] = person
    return found


events = st.lists(
    st.fixed_dictionaries(
        {
            "device": st.sampled_from(DEVICES),
            "hour": st.integers(0, 95),
            "who": st.one_of(st.none(), st.sampled_from(PEOPLE)),
        }
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(events=events, most=st.integers(2, 3))
def test_an_anonymous_event_is_of_who_signed_in_next_on_the_device_or_else_last(
    con: duckdb.DuckDBPyConnection, events: list[Event], most: int
) -> None:
    happen(con, events)
    expected = reference(events, most)
    assert attributed(con, most) == expected
    assert on_the_timeline(con, most) == sorted(expected.items())


@settings(max_examples=25, deadline=None)
@given(events=events)
def test_an_old_day_knows_the_sign_ins_until_then_alone_and_many_days_at_once_are_each_day_alone(
    con: duckdb.DuckDBPyConnection, events: list[Event]
) -> None:
    happen(con, events)
    days = [DAY + dt.timedelta(days=n) for n in range(4)]
    company = model(TRAITS, {"seen": Segment(description="s", all=["views > 1"])}, "UTC")
    evaluate_days(con, company, days)
    members = con.execute("SELECT as_of, person_id FROM lake.segments.memberships").fetchall()
    for number, day in enumerate(days):
        known = reference([e for e in events if e["hour"] < 24 * (number + 1)], 12)
        expected = {person: list(known.values()).count(person) for person in (*PEOPLE, *DEVICES)}
        people = con.execute(f"SELECT person_id, views FROM ({people_query(company, day)})").fetchall()
        assert dict(people) == expected
        assert {p for as_of, p in members if as_of == day} == {p for p, views in expected.items() if views > 1}


def test_a_visitor_that_was_decided_about_keeps_what_it_did(con: duckdb.DuckDBPyConnection) -> None:
    happen(con, [{"device": "d1", "hour": 1, "who": None}, {"device": "d1", "hour": 2, "who": "anna"}])
    assert attributed(con)["e0"] == "anna"
    con.execute("INSERT INTO lake.identity.overrides_in_force VALUES ('web:a:d1', 'web:u:anna')")
    assert attributed(con)["e0"] == "d1"
    assert on_the_timeline(con)[0] == ("e0", "d1")


def test_a_device_that_identity_gave_to_somebody_is_theirs_at_any_time(con: duckdb.DuckDBPyConnection) -> None:
    happen(con, [{"device": "d1", "hour": 1, "who": None}, {"device": "d1", "hour": 2, "who": "bernd"}])
    con.execute("BEGIN; UPDATE lake.identity.record_persons SET person_id = 'anna' WHERE record_key = 'web:a:d1'")
    assert attributed(con) == {"e0": "anna", "e1": "bernd"}
    assert on_the_timeline(con) == [("e0", "anna"), ("e1", "bernd")]
    con.execute("ROLLBACK")


def test_the_timeline_knows_new_events_before_it_is_made_again(con: duckdb.DuckDBPyConnection) -> None:
    happen(con, [{"device": "d1", "hour": 1, "who": "anna"}, {"device": "d1", "hour": 2, "who": None}])
    on_the_timeline(con)
    con.execute(
        "INSERT INTO lake.standardized.events SELECT * REPLACE ('late' AS event_id) FROM lake.standardized.events"
    )
    found = con.execute("SELECT person_id FROM lake.profiles.timeline WHERE event_id = 'late'").fetchall()
    assert found == [("anna",), ("anna",)]


def test_the_timeline_of_one_person_is_found_without_looking_at_all_others(con: duckdb.DuckDBPyConnection) -> None:
    happen(con, [{"device": "d1", "hour": 1, "who": "anna"}, {"device": "d1", "hour": 2, "who": None}])
    on_the_timeline(con)
    row = con.execute("EXPLAIN SELECT * FROM lake.profiles.timeline WHERE person_id = 'anna'").fetchone()
    assert row
    plan = row[1]
    assert plan.count("person_id='anna'") == 2, "each half is asked for the person alone"
    assert not {"WINDOW", "GROUP_BY", "customers"} & set(plan.split()), "nothing is attributed anew"
