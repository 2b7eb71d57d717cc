"""Entries and exits say which declared condition turned, in the words of the declaration and never with a value."""

import datetime as dt
from pathlib import Path

import pytest

from cdp_assets.segments import reasons
from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.memberships import evaluate_days
from cdp_model.traits import Group, Segment, Trait
from cdp_resources.lake import Lake
from tests.profiles.conftest import add_events, add_person, make_tables, model

DAYS = [dt.date(2026, 3, day) for day in (1, 2, 3)]
TRAITS = {
    "orders_1d": Trait(description="o", aggregate="count", events=["Order"], window="1 day"),
    "orders": Trait(description="o", aggregate="count", events=["Order"]),
}


def segment(*conditions: str, none: tuple[str, ...] = (), **more: object) -> Segment:
    return Segment(description="s", all=[*conditions, *([Group(none=list(none))] if none else [])], **more)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """One person who orders on the second day, and one who is first seen on it."""
    lake = Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    noon = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
    with lake.transaction() as con:
        make_tables(con)
        add_person(con, "p1", country="DE")
        add_person(con, "p2", country="DE", first_seen=noon)
        add_events(con, [{"person": "p1", "name": "Order", "event_id": "1", "occurred_at": noon, "value": 1}])
    return lake


def reasons_of(lake: Lake, **segments: Segment) -> dict[tuple[int, str, str], str | None]:
    """By day of March, person and change; each day in a run of its own."""
    with lake.transaction() as con:
        for day in DAYS:
            evaluate_days(con, model(TRAITS, segments), [day])
            compare_days(con, [day], model(TRAITS, segments))
        rows = con.execute("SELECT day(as_of), person_id, change, reason FROM lake.segments.changes").fetchall()
    return {(day, person, change): reason for day, person, change, reason in rows}


def test_the_condition_that_turned_is_named_and_not_those_that_stayed(lake: Lake) -> None:
    assert reasons_of(lake, s=segment("country = 'DE'", "orders_1d >= 1")) == {
        (2, "p1", "entered"): "orders_1d >= 1 became true",
        (3, "p1", "exited"): "orders_1d >= 1 became false",
    }


def test_a_condition_below_none_lets_people_in_when_it_becomes_false(lake: Lake) -> None:
    found = reasons_of(lake, s=segment("orders = 1", none=("orders_1d >= 1", "country = 'GB'")))
    assert found == {(3, "p1", "entered"): "orders_1d >= 1 became false"}


def test_every_condition_that_turned_in_that_direction_is_named(lake: Lake) -> None:
    found = reasons_of(lake, s=Segment(description="s", any=["orders >= 1", "orders_1d >= 1", "orders_1d is null"]))
    assert found[2, "p1", "entered"] == "orders >= 1 became true; orders_1d >= 1 became true"


def test_without_a_day_before_or_without_the_person_on_it_the_reason_says_so(lake: Lake) -> None:
    found = reasons_of(lake, s=segment("country = 'DE'"))
    assert found == {(1, "p1", "entered"): reasons.NEW, (2, "p2", "entered"): reasons.FIRST_SEEN}


def test_a_segment_that_ends_says_so(lake: Lake) -> None:
    found = reasons_of(lake, s=segment("country = 'DE'", expires=DAYS[1]), nobody=segment("orders > 9"))
    assert found[3, "p1", "exited"] == reasons.EXPIRED
    with lake.transaction() as con:
        evaluate_days(con, model(TRAITS, {"other": segment("orders > 9")}), [DAYS[1]])
        compare_days(con, [DAYS[1]], model(TRAITS, {"other": segment("orders > 9")}))
        rows = con.execute("SELECT reason FROM lake.segments.changes WHERE day(as_of) = 2").fetchall()
    assert rows == [(reasons.UNDECLARED,)]


def test_what_only_late_data_explains_is_not_ascribed_to_a_condition(lake: Lake) -> None:
    declared = {"s": segment("orders >= 1")}
    with lake.transaction() as con:
        evaluate_days(con, model(TRAITS, declared), [DAYS[0]])
        early = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
        add_events(con, [{"person": "p1", "name": "Order", "event_id": "2", "occurred_at": early, "value": 1}])
        evaluate_days(con, model(TRAITS, declared), [DAYS[1]])
        compare_days(con, DAYS[:2], model(TRAITS, declared))
        rows = con.execute("SELECT reason FROM lake.segments.changes").fetchall()
    assert rows == [(reasons.KNOWN_DIFFERENTLY,)]


def test_who_a_segment_ahead_of_the_list_takes_or_leaves_has_that_as_reason(lake: Lake) -> None:
    ahead = segment("orders_1d >= 1", priority_list="l", rank=1)
    found = reasons_of(lake, ahead=ahead, behind=segment("first_seen is null", priority_list="l", rank=2))
    assert found[2, "p1", "exited"] == reasons.CHOSEN_ANEW
    assert found[2, "p1", "entered"] == "orders_1d >= 1 became true"
