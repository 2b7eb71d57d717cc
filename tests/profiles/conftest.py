"""A lake with hand-made people, events and consents, as the stages before would have left them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_model.model import CompanySettings, Model
from cdp_model.traits import PERSON_COLUMNS, RECORDED_EVENT_COLUMNS, Segment, Trait
from cdp_resources.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))


@pytest.fixture
def con(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.transaction() as connection:
        make_tables(connection)
        yield connection


@contextmanager
def lake_in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """The same tables without files, for what only asks what a query says."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake")
        for schema in ("standardized", "identity", "profiles", "predictions", "segments"):
            con.execute(f"CREATE SCHEMA lake.{schema}")
        make_tables(con)
        yield con


def make_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Empty tables of the stages before profiles."""
    events = ", ".join(f"{name} {kind}" for name, kind in RECORDED_EVENT_COLUMNS.items())
    people = ", ".join(f"{name} {kind}" for name, kind in PERSON_COLUMNS.items() if name != "as_of")
    con.execute(f"""
        CREATE TABLE lake.standardized.events ({events}, _day DATE);
        CREATE TABLE lake.standardized.consents (consent_id VARCHAR, record_key VARCHAR, purpose VARCHAR,
            channel VARCHAR, status VARCHAR, basis VARCHAR, occurred_at TIMESTAMPTZ, source VARCHAR);
        CREATE TABLE lake.standardized.customers (record_key VARCHAR, first_name VARCHAR, last_name VARCHAR,
            email VARCHAR, phone VARCHAR, identifiers MAP(VARCHAR, VARCHAR[]));
        CREATE TABLE lake.identity.record_persons (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
        CREATE TABLE lake.identity.overrides_in_force (left_key VARCHAR, right_key VARCHAR);
        CREATE TABLE lake.profiles.golden_records ({people});
    """)


def add_person(con: duckdb.DuckDBPyConnection, person_id: str, **attributes: Any) -> None:
    """A person with one record, `crm:<person_id>`."""
    con.execute("INSERT INTO lake.identity.record_persons VALUES (?, ?, now())", [f"crm:{person_id}", person_id])
    columns = ", ".join(["person_id", *attributes])
    marks = ", ".join("?" for _ in range(len(attributes) + 1))
    con.execute(
        f"INSERT INTO lake.profiles.golden_records ({columns}) VALUES ({marks})", [person_id, *attributes.values()]
    )


def add_events(con: duckdb.DuckDBPyConnection, events: list[dict[str, Any]]) -> None:
    """Events with person, name, occurred_at and value (as revenue)."""
    for event in events:
        con.execute(
            """INSERT INTO lake.standardized.events
                (event_id, source, event_name, record_key, occurred_at, revenue, _day)
            VALUES (?, 'shop', ?, ?, ?, ?, ?)""",
            [
                event["event_id"],
                event["name"],
                f"crm:{event['person']}",
                event["occurred_at"],
                event["value"],
                event["occurred_at"].date(),
            ],
        )


def model(
    traits: dict[str, Trait] | None = None,
    segments: dict[str, Segment] | None = None,
    timezone: str = "Europe/Berlin",
) -> Model:
    """A company with traits and segments and nothing else."""
    company = CompanySettings(name="acme", owner="team:data", timezone=timezone, start_date=dt.date(2026, 1, 1))
    return Model(company=company, sources={}, traits=traits or {}, segments=segments or {})
