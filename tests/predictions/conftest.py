"""Companies whose customers' future is known: hand-made events of a few hundred people over some months."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from cdp_assets.profiles.predicted import ensure_tables
from cdp_model.model import CompanySettings, Model
from cdp_model.predictions import Prediction
from cdp_model.traits import Trait
from tests.profiles.conftest import lake_in_memory

FIRST = dt.date(2026, 1, 1)
TRAITS = {
    "orders": Trait(description="Orders", aggregate="count", events=["Order"]),
    "opens_30d": Trait(description="Opens", aggregate="count", events=["Open"], window="30 days"),
    "days_since_order": Trait(description="Recency", aggregate="days_since_last", events=["Order"]),
    "group": Trait(description="What was opened", aggregate="most_frequent", events=["Open"], of="product_id"),
    "has_email": Trait(description="Known now, maybe not then", sql="email is not null"),
    "age_of_record": Trait(description="Tenure", sql="as_of - first_seen::date"),
}
KEENNESS = "(p % 10) / 10.0"


def day(number: int) -> dt.date:
    """A day, counted from 0."""
    return FIRST + dt.timedelta(days=number)


def chance(*parts: object) -> str:
    """SQL of a number between 0 and 1 that is the same each time for the same parts."""
    return f"(md5_number_lower(concat_ws('/', {', '.join(map(str, parts))})) % 1000003) / 1000003.0"


def model(predictions: dict[str, Prediction], traits: dict[str, Trait] = TRAITS, **more: Any) -> Model:
    """A company with traits and predictions."""
    settings = CompanySettings(name="acme", owner="team:data", start_date=FIRST)
    return Model(company=settings, sources={}, traits=traits, predictions=predictions, **more)


def populate(con: duckdb.DuckDBPyConnection, people: int, days: int, orders: str = f"0.06 * {KEENNESS}") -> None:
    """People who open e-mails the more, the keener they are, and order with the daily chance ``orders``."""
    con.execute(f"""
        INSERT INTO lake.identity.record_persons SELECT 'crm:p' || p, 'p' || p, now() FROM range({people}) AS t(p);
        INSERT INTO lake.profiles.golden_records (person_id, first_seen, email)
        SELECT 'p' || p, TIMESTAMPTZ '{FIRST}', CASE WHEN p % 2 = 0 THEN p || '@example.com' END
        FROM range({people}) AS t(p);
        INSERT INTO lake.standardized.events
            (event_id, source, event_name, record_key, occurred_at, revenue, product_id, _day)
        SELECT concat_ws('-', p, d, name), 'shop', name, 'crm:p' || p, moment, 10 + p % 7, 'x' || (p % 3),
            moment::DATE
        FROM (
            SELECT p, d, TIMESTAMPTZ '{FIRST} 12:00:00+00' + d * INTERVAL 1 DAY AS moment,
                unnest([CASE WHEN {chance("p", "d", "'order'")} < {orders} THEN 'Order' END,
                    CASE WHEN {chance("p", "d", "'open'")} < 0.4 * {KEENNESS} THEN 'Open' END]) AS name
            FROM range({people}) AS people(p), range({days}) AS days(d))
        WHERE name IS NOT NULL""")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake in memory with the tables that predictions are made from, all empty."""
    with lake_in_memory() as connection:
        ensure_tables(connection)
        yield connection
