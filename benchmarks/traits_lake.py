"""People and their events for the traits benchmark: straight into a lake, as the stages before would have left them.

Each day one person in a hundred is active, with one to ten events. Nine people in ten have two records, of the shop and
of their browser; the others are visitors, and every second of these uses the browser of somebody who is known.
"""

import datetime as dt
from pathlib import Path

import duckdb

from cdp_assets.identity.decisions import ensure_tables as ensure_decisions
from cdp_assets.identity.persons import QUERY
from cdp_assets.identity.record_persons import TABLES as IDENTITY
from cdp_assets.profiles.rectification import ensure_table as ensure_corrections
from cdp_assets.standardized.exchange_rates import COLUMNS as RATE_COLUMNS
from cdp_model.survivorship import RECORD_COLUMNS
from cdp_model.traits import RECORDED_EVENT_COLUMNS
from cdp_resources.lake import Lake

FIRST_DAY = dt.date(2025, 6, 1)
ACTIVE = 0.01
SOURCES = 2
PERSONS = f"""CREATE OR REPLACE TABLE lake.identity.persons AS
{QUERY.format(last=SOURCES - 1, records_of_people="lake.identity.record_persons")}"""
MONTH = 30
"""Days in one file, as after housekeeping."""


def make_lake(lake: Lake, people: int, days: int) -> None:
    """People, consents and the events of ``days``."""
    with lake.transaction("people") as con:
        _ensure_tables(con)
        _execute(con, "people", people=people, first_day=FIRST_DAY)
        con.execute(PERSONS)
    for first in range(0, days, MONTH):
        with lake.transaction("events") as con:
            _add_events(con, people, first, min(first + MONTH, days))


def add_day(lake: Lake, people: int, day: int) -> None:
    """One more day: its events, records that changed, consents, new people, and people who turn out to be one."""
    with lake.transaction("one more day") as con:
        _add_events(con, people, day, day + 1)
        _execute(con, "changes", people=people, now=FIRST_DAY + dt.timedelta(days=day))
        con.execute(PERSONS)


def _add_events(con: duckdb.DuckDBPyConnection, people: int, first: int, end: int) -> None:
    active = max(int(people * ACTIVE), 1)
    _execute(con, "events", people=people, active=active, first=first, end=end, first_day=FIRST_DAY)


def _ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(IDENTITY)
    ensure_decisions(con)
    ensure_corrections(con)
    con.execute(f"""
        CREATE TABLE lake.standardized.customers ({_columns(RECORD_COLUMNS)});
        CREATE TABLE lake.standardized.events ({_columns(RECORDED_EVENT_COLUMNS)}, _day DATE);
        CREATE TABLE lake.standardized.consents (consent_id VARCHAR, record_key VARCHAR, purpose VARCHAR,
            channel VARCHAR, status VARCHAR, basis VARCHAR, occurred_at TIMESTAMPTZ, source VARCHAR);
        CREATE TABLE lake.standardized.exchange_rates ({_columns(RATE_COLUMNS)});
        CREATE TABLE lake.identity.households (person_id VARCHAR, household_id VARCHAR);
    """)


def _columns(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _execute(con: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    """A named part of the SQL file; each of its statements with the values that it names."""
    text = Path(__file__).with_name("traits_lake.sql").read_text(encoding="utf-8")
    part = text.split(f"-- {name}:")[1].split("-- end")[0].partition("\n")[2]
    for statement in filter(str.strip, part.split(";\n")):
        con.execute(statement, {key: value for key, value in values.items() if f"${key}" in statement})
