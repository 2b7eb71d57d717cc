"""Many days in one run: each is what it would be alone, though only those who may have changed are looked at anew."""

import datetime as dt
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_assets.segments.crossing import differing, steady
from cdp_assets.segments.evaluation import evaluate, evaluate_each
from cdp_model.behaviour import Counted, Did, First, In, Moment
from cdp_model.model import Model
from cdp_model.traits import Score, Segment, Trait
from cdp_model.windows import days_of_window
from tests.profiles.conftest import add_events, model
from tests.segments.test_behaviour import (
    AS_OF,
    BERLIN,
    con,
    definitions,
    dense,
    event,
    events_of_people,
    near,
    near_events,
    windows,
)

__all__ = ["con"]
TRAITS = {
    "streak": Trait(description="s", aggregate="current_streak", events=["A"]),
    "since": Trait(description="s", aggregate="days_since_last", events=["B"]),
    "after": Trait(description="a", aggregate="count", since="A", until="B", window="2 days"),
    "last_week": Trait(description="l", aggregate="days_active", window="last week"),
    "best": Trait(description="b", score=Score(of="last_week", bins=2)),
    "agreed": Trait.model_validate({"description": "e", "consent": {"purpose": "marketing", "channel": "email"}}),
}
MORE = {
    "streaks": Segment(description="s", any=["streak > 0", "after > 0"]),
    "clock": Segment(description="c", all=["since between 1 and 2"]),
    "best": Segment(description="b", all=["best = 2"]),
    "few": Segment(description="f", all=["last_week > 0"], cap=1),
    "consenting": Segment(description="c", all=["agreed"]),
    "seen": Segment(description="s", all=["person_id is not null"]),
}


KNOWN = """(record_key, first_name) VALUES ('crm:p1', 'Ann'), ('crm:p2', 'Ben'), ('crm:p3', NULL)"""
"""All but p3, who is a visitor: nothing but a device is known."""


def members(con: duckdb.DuckDBPyConnection) -> set[tuple[Any, ...]]:
    return set(con.execute("FROM members").fetchall())


@settings(max_examples=15, deadline=None)
@given(
    declared=definitions(),
    events=events_of_people,
    devices=st.lists(st.sampled_from(["d1", "d2", None]), min_size=12, max_size=12),
    offsets=st.lists(st.integers(0, 9), min_size=2, max_size=5, unique=True),
    agreed=st.lists(st.tuples(st.sampled_from(["p1", "p2"]), st.booleans(), st.integers(-9, 1)), max_size=3),
)
def test_days_in_one_run_equal_each_day_alone(
    con: duckdb.DuckDBPyConnection,
    declared: dict[str, Segment],
    events: list[dict[str, Any]],
    devices: list[str | None],
    offsets: list[int],
    agreed: list[tuple[str, bool, int]],
) -> None:
    midnight = dt.datetime(2026, 3, 29, tzinfo=dt.UTC)
    con.execute("DELETE FROM lake.standardized.events; DELETE FROM lake.standardized.consents")
    con.execute("DELETE FROM lake.standardized.customers")
    con.execute(f"INSERT INTO lake.standardized.customers {KNOWN}")
    con.execute(
        "UPDATE lake.profiles.golden_records SET first_seen = ? WHERE person_id = 'p2'",
        [midnight - dt.timedelta(days=3)],
    )
    add_events(con, [one | {"event_id": f"e{i:02}"} for i, one in enumerate(events)])
    for i, device in enumerate(devices):
        con.execute("UPDATE lake.standardized.events SET device = ? WHERE event_id = ?", [device, f"e{i:02}"])
    for i, (person, granted, days_ago) in enumerate(agreed):
        con.execute(
            "INSERT INTO lake.standardized.consents VALUES (?, ?, 'marketing', 'email', ?, 'consent', ?, 'crm')",
            [f"c{i}", f"crm:{person}", "granted" if granted else "withdrawn", midnight + dt.timedelta(days=days_ago)],
        )
    company = model(traits=TRAITS, segments=declared | MORE, timezone=BERLIN)
    days = sorted(AS_OF - dt.timedelta(days=offset) for offset in offsets)
    together = {day: members(con) for day in evaluate_each(con, company, days)}
    for day in days:
        evaluate(con, company, day)
        assert members(con) == together[day], day


STREAKS = {"a": Segment(description="s", all=["streak_a > 0"]), "b": Segment(description="s", all=["streak_b > 0"])}


@settings(max_examples=15, deadline=None)
@given(declared=near, happened=dense, who=st.lists(st.sampled_from(["p1", "p3"]), min_size=6, max_size=6))
def test_days_in_one_run_equal_each_day_alone_where_times_are_near(
    con: duckdb.DuckDBPyConnection, declared: list[Any], happened: list[tuple[str, int, int | None]], who: list[str]
) -> None:
    con.execute("DELETE FROM lake.standardized.events; DELETE FROM lake.standardized.customers")
    # all on one device: p3 is a visitor, and what they did is of p1 once p1 has come to it
    con.execute(f"INSERT INTO lake.standardized.customers {KNOWN}")
    add_events(con, [one | {"person": person} for one, person in zip(near_events(happened), who, strict=False)])
    con.execute("UPDATE lake.standardized.events SET device = 'd1'")
    traits = {
        f"streak_{name.lower()}": Trait(description="s", aggregate="current_streak", events=[name]) for name in "AB"
    }
    segments = {f"s{i}": Segment(description="s", all=[part]) for i, part in enumerate(declared)}
    company = model(traits=traits, segments=segments | STREAKS, timezone=BERLIN)
    days = [AS_OF + dt.timedelta(days=n) for n in (-1, 0, 1, 2)]  # nothing new comes on the last two
    together = {day: members(con) for day in evaluate_each(con, company, days)}
    for day in days:
        evaluate(con, company, day)
        assert members(con) == together[day], day


DONE = {"did": {"events": ["A"]}}
ONE_CAUSE: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "an event falls out of a window": (
        {"did": {"events": ["A"], "window": "2 days"}},
        [event("A", "27T12:00")],
    ),
    "a step falls out of a window": (
        {"sequence": [{"events": ["A"]}, {"events": ["B"]}], "window": "2 days"},
        [event("A", "27T12:00"), event("B", "27T13:00")],
    ),
    "the time of a `not` is over": (
        {"sequence": [{"events": ["A"]}, {"not": "B", "within": "1 day"}]},
        [event("A", "28T12:00")],
    ),
    "the time of a `not` is over with the day before": (
        {"sequence": [{"events": ["A"]}, {"not": "B", "within": "13 hours"}]},
        [event("A", "28T10:00")],
    ),
    "somebody signed in on the device of a visitor": (DONE, [event("A", "27T12:00", "p3"), event("Z", "29T12:00")]),
    "consent was given": ({"none": ["not agreed"]}, []),
}


@pytest.mark.parametrize("cause", ONE_CAUSE)
def test_one_cause_alone_is_enough_to_be_looked_at_anew(con: duckdb.DuckDBPyConnection, cause: str) -> None:
    condition, events = ONE_CAUSE[cause]
    con.execute("DELETE FROM lake.standardized.events; DELETE FROM lake.standardized.consents")
    con.execute(f"DELETE FROM lake.standardized.customers; INSERT INTO lake.standardized.customers {KNOWN}")
    add_events(con, events)
    con.execute("UPDATE lake.standardized.events SET device = 'd1'")
    if not events:
        con.execute("""INSERT INTO lake.standardized.consents
            VALUES ('c', 'crm:p1', 'marketing', 'email', 'granted', 'consent', '2026-03-29 12:00:00+00', 'crm')""")
    segments = {"s": Segment.model_validate({"description": "s", "all": [condition]})}
    company = model(traits={"agreed": TRAITS["agreed"]}, segments=segments, timezone=BERLIN)
    days = [AS_OF - dt.timedelta(days=1), AS_OF]
    together = {day: members(con) for day in evaluate_each(con, company, days)}
    for day in days:
        evaluate(con, company, day)
        assert members(con) == together[day], day
    assert {who[1:] for who in together[days[0]]} != {who[1:] for who in together[days[1]]}


@given(window=windows, before=st.dates(dt.date(2026, 2, 1), AS_OF), gap=st.integers(0, 40))
def test_what_differs_between_two_windows_is_each_day_that_is_in_one_alone(
    window: str, before: dt.date, gap: int
) -> None:
    after = before + dt.timedelta(days=gap)

    def days(as_of: dt.date) -> set[dt.date]:
        first, last = days_of_window(window, as_of)
        return {last - dt.timedelta(days=n) for n in range((last - (first or dt.date(2025, 12, 1))).days + 1)}

    spans = differing(window, before, after)
    assert {first + dt.timedelta(days=n) for first, last in spans for n in range((last - first).days + 1)} == days(
        before
    ) ^ days(after)


@pytest.mark.parametrize(
    ("segment", "calm"),
    [
        (Segment(description="s", all=[Did(did=Counted(events=["A"], window="7 days"))]), True),
        (Segment(description="s", all=["agreed and country = 'DE'"]), True),
        (Segment(description="s", all=["since > 1"]), False),
        (Segment(description="s", all=["as_of > first_seen::date"]), False),
        (Segment(description="s", all=["best = 1"]), False),
        (Segment(description="s", all=[In(in_="few")]), False),
        (Segment(description="s", all=[First(first=Moment(events=["A"], window="7 days"))]), False),
        (Segment(description="s", all=[First(first=Moment(events=["A"], until=AS_OF))]), True),
        (Segment(description="s", all=["agreed"], expires=AS_OF), False),
    ],
)
def test_a_segment_that_can_turn_for_anybody_is_asked_of_everybody(segment: Segment, calm: bool) -> None:
    company: Model = model(traits=TRAITS, segments=MORE | {"s": segment})
    assert ("s" in steady(company).segments) is calm
