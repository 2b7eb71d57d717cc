"""Traits over events that nobody sends are named."""

import datetime as dt

import duckdb

from cdp_assets.profiles.sent import events_are_sent
from cdp_model.traits import Trait
from tests.profiles.conftest import add_events, model

COMPANY = model(
    {
        "orders": Trait(description="o", aggregate="count", events=["Order"]),
        "wrong": Trait(description="w", aggregate="count", events=["Ordr", "Order"]),
        "since": Trait(description="s", aggregate="count", since="Cart"),
        "everything": Trait(description="e", aggregate="count"),
    }
)
ORDER = {
    "person": "a",
    "name": "Order",
    "event_id": "e",
    "occurred_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "value": 1,
}


def test_an_event_that_nobody_sends_is_named_with_its_traits(con: duckdb.DuckDBPyConnection) -> None:
    add_events(con, [ORDER])
    found = events_are_sent(con, COMPANY)
    assert not found.passed
    assert found.description
    assert found.description.startswith("never sent, so far: `Cart` (since); `Ordr` (wrong).")


def test_events_that_are_sent_pass(con: duckdb.DuckDBPyConnection) -> None:
    add_events(con, [ORDER, ORDER | {"name": "Ordr", "event_id": "f"}, ORDER | {"name": "Cart", "event_id": "g"}])
    assert events_are_sent(con, COMPANY).passed
