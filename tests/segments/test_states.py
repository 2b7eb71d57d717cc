"""Runs that go on from what the one before kept: whatever happens between them, days are what they are from nothing."""

import datetime as dt
import os
import subprocess
import sys
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_assets.segments import states
from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.evaluation import evaluate
from cdp_assets.segments.memberships import evaluate_days
from cdp_model.model import Model
from cdp_model.traits import ConsentTrait, Score, Segment, Trait
from cdp_resources.lake import Lake
from tests.profiles.conftest import model
from tests.profiles.test_trait_values import CHANGE, DAY, EVENT, PEOPLE, begin, change, shared

__all__ = ["shared"]
TRAITS = {
    "orders": Trait(description="o", aggregate="count", events=["Order"]),
    "orders_2d": Trait(description="o", aggregate="count", events=["Order"], window="2 days"),
    "since": Trait(description="s", aggregate="days_since_last", events=["View"]),
    "streak": Trait(description="s", aggregate="current_streak", events=["View"]),
    "best": Trait(description="b", score=Score(of="orders", bins=2)),
    "agreed": Trait(description="a", consent=ConsentTrait(purpose="marketing", channel="email")),
}
CALM: dict[str, list[Any]] = {
    "recent": ["orders_2d > 0"],
    "german": ["country = 'DE'"],
    "consenting": ["agreed"],
    "streaks": ["streak > 1"],
    "lately": [{"did": {"events": ["View"], "window": "3 days", "where": "revenue > 0"}}],
    "abandoned": [{"sequence": [{"events": ["View"]}, {"not": "Order", "within": "1 day"}], "window": "3 days"}],
    "loyal": [{"in": "recent"}, {"not_in": "abandoned"}],
}
MOVING: dict[str, list[Any]] = {
    "best": ["best = 2", "country is null"],
    "silent": ["since > 1"],
    "new": [{"first": {"events": ["View"], "window": "2 days"}}],
    "both": [{"in": "recent"}, {"in": "silent"}],
}
DECLARED = {name: Segment.model_validate({"description": name, "any": any_of}) for name, any_of in CALM.items()}
DECLARED |= {name: Segment.model_validate({"description": name, "any": any_of}) for name, any_of in MOVING.items()}
DECLARED["few"] = Segment(description="f", all=["orders > 0"], cap=1)
COMPANY, NEXT = model(TRAITS, DECLARED), DAY + dt.timedelta(days=1)
BETWEEN = CHANGE | st.tuples(
    st.just("golden"), st.sampled_from(PEOPLE), st.sampled_from(["DE", None]), st.none() | st.integers(-1, 5)
)
RUN = st.tuples(st.sampled_from([-1, 0, 0, 1, 1, 1, 2, 4]), st.integers(1, 3), st.lists(BETWEEN, max_size=3))


@pytest.fixture(autouse=True)
def few_people_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a company of three people somebody is always more than the share from which all are evaluated."""
    monkeypatch.setattr(states, "MOST", 2)


def happen(lake: Lake, *events: Any) -> None:
    with lake.transaction() as con:
        for kind, *what in events:
            if kind == "golden":
                person, country, day = what
                seen = None if day is None else DAY + dt.timedelta(days=day)
                con.execute(
                    "UPDATE lake.profiles.golden_records SET country = ?, first_seen = ? WHERE person_id = ?",
                    [country, seen, person],
                )
            else:
                change(con, (kind, *what))


def members(con: duckdb.DuckDBPyConnection, relation: str) -> list[Any]:
    return con.execute(f"SELECT segment, person_id FROM {relation} ORDER BY ALL").fetchall()


def run(lake: Lake, company: Model, *days: dt.date) -> set[str]:
    """A run of days, which are seen to be what they are from nothing; returns people who were looked at anew."""
    with lake.transaction() as con:
        evaluate_days(con, company, [*days])
        looked_at = {person for (person,) in con.execute("FROM dirty").fetchall()}
        compare_days(con, days, company)
        made = {day: members(con, f"lake.segments.memberships WHERE as_of = DATE '{day}'") for day in days}
        changes = con.execute("FROM lake.segments.changes ORDER BY ALL").fetchall()
    with lake.transaction() as con:
        for day in days:
            evaluate(con, company, day)
            assert members(con, "members") == made[day], day
        con.execute("DELETE FROM lake.segments.turned")
        compare_days(con, days, company)
        assert con.execute("FROM lake.segments.changes ORDER BY ALL").fetchall() == changes
    return looked_at


def begin_anew(lake: Lake) -> None:
    begin(lake)
    with lake.transaction() as con:
        con.execute("DROP SCHEMA IF EXISTS lake.segments CASCADE; CREATE SCHEMA lake.segments")
        for table in ("device_records", "shared_devices"):  # which the traits would tidy up
            con.execute(f"DROP TABLE IF EXISTS lake.profiles.{table}")


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(EVENT, max_size=10), runs=st.lists(RUN, min_size=2, max_size=3))
def test_whatever_happens_between_runs_a_day_is_what_it_is_from_nothing(
    shared: Lake, first: list[Any], runs: list[Any]
) -> None:
    begin_anew(shared)
    happen(shared, ("events", first))
    day = DAY
    run(shared, COMPANY, day)
    for later, count, between in runs:
        happen(shared, *between)
        days = [day + dt.timedelta(days=later + n) for n in range(count)]
        run(shared, COMPANY, *days)
        day = days[-1]


NIGHT = -24
"""Hours from the first day: an event of the day before it, that comes late."""
CAUSES: dict[str, tuple[tuple[Any, ...], set[str]]] = {
    "a late event": (("events", [("crm:a", "Order", NIGHT, "x")]), {"a"}),
    "a late event on a device that a visitor shares": (("events", [("crm:b", "View", NIGHT, "z")]), {"b", "v"}),
    "a record of another person": (("moved", "web:a", "b"), {"a", "b"}),
    "another attribute": (("golden", "a", "DE", None), {"a"}),
    "a statement that was made before": (("consent", "crm:b", -3, "granted"), {"b"}),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_day_that_is_made_again_looks_at_whom_more_is_known_of(shared: Lake, cause: str) -> None:
    between, expected = CAUSES[cause]
    begin_anew(shared)
    happen(shared, ("events", [("web:a", "View", 1, "x"), ("web:v", "View", 1, "z")]))
    with shared.transaction() as con:
        evaluate_days(con, COMPANY, [DAY, NEXT])
    assert run(shared, COMPANY, NEXT) == {"a", "v"}  # their events came with that day, or left a window
    happen(shared, between)
    assert run(shared, COMPANY, NEXT) == {"a", "v"} | expected


def test_the_first_day_is_made_again_together_with_the_next(shared: Lake) -> None:
    begin_anew(shared)
    happen(shared, ("events", [("web:a", "View", 1, "x")]))
    run(shared, COMPANY, DAY)
    happen(shared, ("events", [("crm:b", "Order", NIGHT, "x"), ("crm:a", "Order", 1, None)]))
    run(shared, COMPANY, DAY, NEXT)
    run(shared, COMPANY, NEXT + dt.timedelta(days=1))


def test_another_process_goes_on_from_what_was_kept() -> None:
    program = "from tests.segments.test_states import COMPANY, states; print(states.definition(COMPANY))"
    told = [
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]


def test_an_older_day_and_other_definitions_leave_nothing_wrong_behind(shared: Lake) -> None:
    begin_anew(shared)
    happen(shared, ("events", [("crm:a", "Order", 1, "x")]))
    fewer = COMPANY.model_copy(update={"segments": {"recent": DECLARED["recent"]}})
    for company, day in ((COMPANY, 2), (COMPANY, 3), (COMPANY, 0), (fewer, 3), (COMPANY, 4), (COMPANY, 3)):
        run(shared, company, DAY + dt.timedelta(days=day))
