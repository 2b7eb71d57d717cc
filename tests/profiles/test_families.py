"""Families of traits over real events: scores, habits and preferences worked out by hand."""

import datetime as dt

import duckdb

from cdp_assets.profiles.people import people_query
from cdp_model.families import Engagement, Preference, Purchases
from tests.profiles.conftest import add_events, add_person, model
from tests.profiles.test_people import query

DAY = dt.date(2026, 3, 31)


def at(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, tzinfo=dt.UTC)


def test_buyers_are_scored_among_buyers_alone(con: duckdb.DuckDBPyConnection) -> None:
    family = Purchases(family="purchases", description="Orders", events=["Order"], value="revenue")
    for i in range(1, 6):
        add_person(con, f"p{i}")
        orders = [{"event_id": f"{i}-{n}", "occurred_at": at(31 - 6 + i - n), "value": 10} for n in range(i)]
        add_events(con, [{**order, "person": f"p{i}", "name": "Order"} for order in orders])
    add_person(con, "never")
    rows = query(con, people_query(model(family.traits("bought")), DAY))
    scores = {person: row["bought_rfm"] for person, row in rows.items()}
    assert scores == {"p1": 111, "p2": 222, "p3": 333, "p4": 444, "p5": 555, "never": None}
    best = rows["p5"]
    assert (best["bought_frequency"], best["bought_monetary"], best["bought_average_value"]) == (5, 50, 10)
    assert (best["bought_recency"], best["bought_tenure"], best["bought_days_between"]) == (1, 5, 1)
    assert (rows["never"]["bought_frequency"], rows["never"]["bought_monetary"]) == (0, 0)


def test_engagement_and_preference_look_at_their_window(con: duckdb.DuckDBPyConnection) -> None:
    engagement = Engagement(family="engagement", description="Visits", events=["View"], window="7 days")
    preference = Preference(family="preference", description="Prices", events=["View"], of="revenue", window="7 days")
    add_person(con, "p1")
    moments = [(1, 8, 9), (28, 8, 5), (29, 8, 5), (30, 20, 7), (31, 8, 7)]
    add_events(
        con,
        [
            {"person": "p1", "name": "View", "event_id": str(day), "occurred_at": at(day, hour), "value": value}
            for day, hour, value in moments
        ],
    )
    traits = engagement.traits("visits") | preference.traits("prices")
    row = query(con, people_query(model(traits, timezone="UTC"), DAY))["p1"]
    assert (row["visits_count"], row["visits_days"], row["visits_longest_streak"]) == (4, 4, 4)
    assert (row["visits_hour"], row["visits_weekend_share"]) == (8, 0.5)
    assert (row["prices_favourite"], row["prices_latest"], row["prices_all"], row["prices_variety"]) == (
        5,
        7,
        [5, 7],
        2,
    )
