"""Traits for any day: against a slow reference, and at the edges of days, consents and nulls."""

import datetime as dt
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.people import derived_levels, people_query
from cdp_model.traits import NEEDS_VALUE, Aggregate, ConsentTrait, Score, Trait
from tests.profiles.conftest import add_events, add_person, lake_in_memory, model
from tests.profiles.people_reference import score, span
from tests.profiles.people_reference import trait as reference

AGGREGATES = list(get_args(Aggregate))
BERLIN = "Europe/Berlin"
WINDOWS = ["lifetime", "1 day", "2 days", "4 days", "this week", "last week", "this month", "last month", "last year"]


def query(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, dict[str, Any]]:
    """Rows of people by person_id."""
    answer = con.execute(sql)
    names = [column[0] for column in answer.description or []]
    return {row[0]: dict(zip(names, row, strict=True)) for row in answer.fetchall()}


moments = st.datetimes(
    dt.datetime(2026, 3, 27), dt.datetime(2026, 4, 3), timezones=st.just(dt.UTC), allow_imaginary=False
)
events = st.lists(
    st.fixed_dictionaries(
        {
            "person": st.sampled_from(["p1", "p2"]),
            "name": st.sampled_from(["Order", "View"]),
            "occurred_at": moments,
            "value": st.one_of(st.none(), st.integers(-3, 3)),
        }
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=events,
    as_of=st.dates(dt.date(2026, 3, 26), dt.date(2026, 4, 3)),
    window=st.sampled_from(
        ["lifetime", "1 day", "2 days", "4 days", "this week", "last week", "this month", "last month"]
    ),
    only_orders=st.booleans(),
)
def test_every_aggregate_equals_the_slow_reference_for_any_day_across_a_clock_change(
    events: list[dict[str, Any]], as_of: dt.date, window: str, only_orders: bool
) -> None:
    traits = {
        name: Trait(
            description=name,
            aggregate=name,
            of="revenue <> 0" if name == "ratio" else "revenue" if name in NEEDS_VALUE else None,
            events=["Order"] if only_orders else [],
            window=window,
        )
        for name in AGGREGATES
    }
    numbered = [event | {"event_id": f"e{i:03}"} for i, event in enumerate(events)]
    with lake_in_memory() as con:
        for person in ("p1", "p2"):
            add_person(con, person)
        add_events(con, numbered)
        found = query(con, people_query(model(traits), as_of))
    for person in ("p1", "p2"):
        own = [e for e in numbered if e["person"] == person and (e["name"] == "Order" or not only_orders)]
        for name in AGGREGATES:
            expected = reference(name, own, as_of, window, BERLIN)
            value = found[person][name]
            assert value == (pytest.approx(expected) if isinstance(expected, float) else expected), (
                f"{name} of {person}"
            )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=events,
    as_of=st.dates(dt.date(2026, 3, 28), dt.date(2026, 4, 3)),
    between=st.sampled_from([("Order", None), (None, "Order"), ("Order", "View"), ("View", "View")]),
)
def test_spans_between_events_and_scores_equal_the_slow_reference(
    events: list[dict[str, Any]], as_of: dt.date, between: tuple[str | None, str | None]
) -> None:
    since, until = between
    traits = {
        name: Trait(
            description=name,
            aggregate=name,
            of="revenue <> 0" if name == "ratio" else "revenue" if name in NEEDS_VALUE else None,
            since=since,
            until=until,
        )
        for name in AGGREGATES
    }
    for best in ("highest", "lowest"):
        traits[best] = Trait(description="b", score=Score(of="sum", bins=3, best=best))
    people = ["p1", "p2", "p3"]
    numbered = [event | {"event_id": f"e{i:03}"} for i, event in enumerate(events)]
    with lake_in_memory() as con:
        for person in people:
            add_person(con, person)
        add_events(con, numbered)
        found = query(con, people_query(model(traits), as_of))
    seen = [e for e in numbered if e["occurred_at"].astimezone(ZoneInfo(BERLIN)).date() <= as_of]
    spent = {person: found[person]["sum"] for person in people}
    for person in people:
        own = span([e for e in seen if e["person"] == person], since, until)
        for name in AGGREGATES:
            expected, value = reference(name, own, as_of, "lifetime", BERLIN), found[person][name]
            assert value == (pytest.approx(expected) if isinstance(expected, float) else expected), (
                f"{name} of {person}, {since} to {until}"
            )
        for best in ("highest", "lowest"):
            assert found[person][best] == score(spent, person, 3, best)


def test_habits_are_of_the_clock_of_the_company(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1")
    moment = dt.datetime(2026, 3, 29, 22, 30, tzinfo=dt.UTC)  # Monday, half past midnight, in Berlin's summer time
    add_events(con, [{"person": "p1", "name": "Order", "event_id": "1", "occurred_at": moment, "value": 1}])
    traits = {
        "hour": Trait(description="h", aggregate="most_frequent", of="hour"),
        "weekday": Trait(description="w", aggregate="most_frequent", of="weekday"),
        "weekend": Trait(description="e", aggregate="ratio", of="weekday in ('Saturday', 'Sunday')"),
        "evening": Trait(description="v", aggregate="count", where="hour >= 18"),
    }
    row = query(con, people_query(model(traits), dt.date(2026, 3, 30)))["p1"]
    assert (row["hour"], row["weekday"], row["weekend"], row["evening"]) == (0, "Monday", 0, 0)


def test_a_score_can_be_made_of_an_sql_trait_and_used_by_another(con: duckdb.DuckDBPyConnection) -> None:
    for person, country in (("p1", "DE"), ("p2", "DE"), ("p3", "GB")):
        add_person(con, person, country=country)
    traits = {
        "level": Trait(description="l", sql="'score ' || stands"),
        "stands": Trait(description="s", score=Score(of="german", bins=3)),
        "german": Trait(description="g", sql="(country = 'DE')::int"),
    }
    rows = query(con, people_query(model(traits), dt.date(2026, 3, 1)))
    assert {person: row["level"] for person, row in rows.items()} == {"p1": "score 2", "p2": "score 2", "p3": "score 1"}


def test_a_day_ends_at_local_midnight_in_summer_and_in_winter() -> None:
    assert end_of(dt.date(2026, 7, 1), BERLIN) == "TIMESTAMPTZ '2026-07-01T22:00:00+00:00'"
    assert end_of(dt.date(2026, 12, 1), BERLIN) == "TIMESTAMPTZ '2026-12-01T23:00:00+00:00'"


def test_people_without_events_have_defaults_and_nulls(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1")
    traits = {
        "orders": Trait(description="n", aggregate="count"),
        "spend": Trait(description="s", aggregate="sum", of="revenue", default=0),
        "recency": Trait(description="r", aggregate="days_since_last"),
        "allowed": Trait(description="c", consent=ConsentTrait(purpose="marketing", channel="email")),
        "mean": Trait(description="m", sql="spend / nullif(orders, 0)"),
    }
    row = query(con, people_query(model(traits), dt.date(2026, 3, 1)))["p1"]
    assert (row["orders"], row["spend"], row["recency"], row["allowed"], row["mean"]) == (0, 0, None, False, None)


def test_traits_of_traits_are_computed_in_the_order_of_their_needs(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1", country="DE")
    traits = {
        "c": Trait(description="c", sql="b * 2"),
        "b": Trait(description="b", sql="a + 1"),
        "a": Trait(description="a", aggregate="count"),
        "german": Trait(description="g", sql="country = 'DE'"),
    }
    assert derived_levels(model(traits)) == [["b", "german"], ["c"]]
    row = query(con, people_query(model(traits), dt.date(2026, 3, 1)))["p1"]
    assert (row["b"], row["c"], row["german"]) == (1, 2, True)


def test_a_person_first_seen_later_does_not_exist_on_an_earlier_day(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1", first_seen=dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
    assert not query(con, people_query(model(), dt.date(2026, 3, 1)))
    assert set(query(con, people_query(model(), dt.date(2026, 3, 2)))) == {"p1"}


def state(con: duckdb.DuckDBPyConnection, statements: list[tuple[str, str, str]]) -> Any:
    """email consent of p1 on 2026-03-05 after (record, time, status) statements."""
    add_person(con, "p1")
    con.execute("INSERT INTO lake.identity.record_persons VALUES ('shop:9', 'p1', now())")
    for i, (record, when, status) in enumerate(statements):
        con.execute(
            "INSERT INTO lake.standardized.consents VALUES (?, ?, 'marketing', 'email', ?, 'consent', ?, 'x')",
            [f"c{i}", record, status, when],
        )
    traits = {"allowed": Trait(description="c", consent=ConsentTrait(purpose="marketing", channel="email"))}
    return query(con, people_query(model(traits), dt.date(2026, 3, 5)))["p1"]["allowed"]


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([("crm:p1", "2026-03-01 10:00:00+00", "granted")], True),
        ([("crm:p1", "2026-03-01 10:00:00+00", "granted"), ("shop:9", "2026-03-02 10:00:00+00", "withdrawn")], False),
        ([("shop:9", "2026-03-02 10:00:00+00", "withdrawn"), ("crm:p1", "2026-03-03 10:00:00+00", "granted")], True),
        ([("crm:p1", "2026-03-01 10:00:00+00", "granted"), ("shop:9", "2026-03-01 10:00:00+00", "withdrawn")], False),
        ([("crm:p1", "2026-03-01 10:00:00+00", "granted"), ("crm:p1", "2026-03-06 10:00:00+00", "withdrawn")], True),
    ],
    ids=["silence", "granted", "withdrawn since", "granted again", "both at once", "withdrawn only later"],
)
def test_consent_is_the_latest_statement_of_all_records_and_the_strictest_of_equals(
    con: duckdb.DuckDBPyConnection, statements: list[tuple[str, str, str]], allowed: bool
) -> None:
    assert state(con, statements) is allowed


def test_money_is_summed_exactly(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1")
    when = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    add_events(
        con,
        [
            {"person": "p1", "name": "Order", "event_id": str(i), "occurred_at": when, "value": Decimal("0.1")}
            for i in range(10)
        ],
    )
    traits = {"spend": Trait(description="s", aggregate="sum", of="revenue")}
    assert query(con, people_query(model(traits), dt.date(2026, 3, 1)))["p1"]["spend"] == Decimal(1)


def test_an_odd_value_of_one_event_stops_no_trait(con: duckdb.DuckDBPyConnection) -> None:
    add_person(con, "p1")
    when = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    add_events(
        con, [{"person": "p1", "name": "Order", "event_id": i, "occurred_at": when, "value": 1} for i in ("a", "b")]
    )
    con.execute(
        """UPDATE lake.standardized.events
        SET properties = CASE event_id WHEN 'a' THEN '{"weight": "heavy"}' ELSE '{"weight": 3}' END"""
    )
    weight = "(properties->>'weight')::double"
    traits = {
        "weight": Trait(description="w", aggregate="sum", of=weight),
        "light": Trait(description="l", aggregate="count", where=f"{weight} < 5"),
        "per_return": Trait(description="p", sql="weight / (light - 1)"),
    }
    row = query(con, people_query(model(traits), dt.date(2026, 3, 1)))["p1"]
    assert (row["weight"], row["light"], row["per_return"]) == (3.0, 1, None)
