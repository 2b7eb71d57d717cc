"""`profiles.trait_values`: what people's events and consents say, kept up to date by what changed.

A value of a person changes between two runs where something about their records changed, where somebody on one of
their devices changed, or where a day with one of their events enters or leaves a window. These people are computed
again from all their events, by the query that computes everybody. All others stay as they are.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import count_rows, has_table
from cdp_assets.profiles.aggregates import ORDER_COLUMNS, conditions, with_moments
from cdp_assets.profiles.attribution import NOTHING_BUT_A_DEVICE, owners_of
from cdp_assets.profiles.changes import MOST, Made, changed_rows, count_of, last_made, net_changes, note, to_make
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.people import events_query, seen_events, values, written
from cdp_assets.standardized.exchange_rates import RATES
from cdp_model.expressions import columns_of
from cdp_model.model import Model
from cdp_model.traits import MOMENT_COLUMNS, TRAIT_EVENT_COLUMNS
from cdp_resources.lake import CATALOG

TABLE = "profiles.trait_values"
DEVICES = f"{CATALOG}.profiles.device_records"
"""Which records ever had an event on which device. A pair that is no longer true only costs time."""
INPUTS = (
    "standardized.events",
    "standardized.consents",
    "standardized.customers",
    "identity.record_persons",
    "identity.overrides",
)


@dataclass(frozen=True)
class Updated:
    """How many people were computed again, of how many who have values."""

    recomputed: int
    people: int


def update_values(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> Updated:
    """Make the table what it is as of a day, in the open transaction."""
    fixed = dt.date(2000, 1, 1)
    query = f"WITH {written(seen_events(model, fixed))} {values(model, fixed)}"
    now = to_make(con, query, INPUTS, as_of)
    was = last_made(con, TABLE, now)
    if was and was.as_of and was.as_of <= as_of and has_table(con, DEVICES.removeprefix(f"{CATALOG}.")):
        find_touched(con, model, was, now)
        touched = count_of(con, "touched")
        if touched <= MOST * count_rows(con, TABLE):
            _compute_touched(con, model, as_of)
            note(con, TABLE, now)
            return Updated(touched, count_rows(con, TABLE))
    con.execute(f"""
        CREATE OR REPLACE TABLE {CATALOG}.{TABLE} AS
        WITH {written(seen_events(model, as_of))} {values(model, as_of)};
        CREATE OR REPLACE TABLE {DEVICES} AS
        SELECT DISTINCT device, record_key FROM {CATALOG}.standardized.events
        WHERE device IS NOT NULL AND record_key IS NOT NULL""")
    note(con, TABLE, now)
    people = count_rows(con, TABLE)
    return Updated(people, people)


def find_touched(con: duckdb.DuckDBPyConnection, model: Model, was: Made, now: Made) -> None:
    """Fill ``touched`` (person_id): everybody whose values may have changed, by the rows that did and by the calendar.

    Whose a visitor's event is hangs on all that happened on its device. So everybody on a device of somebody who
    changed is touched as well.
    """
    events = changed_rows("standardized.events", was, now, "device, record_key")
    persons = changed_rows("identity.record_persons", was, now, "record_key, person_id")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_events AS {events};
        CREATE OR REPLACE TEMP TABLE changed_persons AS {persons};
        INSERT INTO {DEVICES}
        SELECT DISTINCT device, record_key FROM changed_events
        ANTI JOIN {DEVICES} USING (device, record_key) WHERE device IS NOT NULL AND record_key IS NOT NULL;
        CREATE OR REPLACE TEMP TABLE changed_records AS
        SELECT record_key FROM changed_events UNION SELECT record_key FROM changed_persons
        UNION {of_customers_and_consents(model, was, now)}
        UNION {_by_the_calendar(model, was, now)}
        UNION {by_exchange_rates(con, model, was)};
        CREATE OR REPLACE TEMP TABLE changed AS
        SELECT person_id FROM changed_persons
        UNION SELECT person_id FROM {CATALOG}.identity.record_persons SEMI JOIN changed_records USING (record_key);
        CREATE OR REPLACE TEMP TABLE touched AS
        FROM changed UNION SELECT person_id FROM {CATALOG}.identity.record_persons
        SEMI JOIN ({_on_devices_of("changed")}) USING (record_key)""")


def _on_devices_of(people: str) -> str:
    """SELECT of the records on any device that a record of these people was on."""
    return f"""
        SELECT record_key FROM {DEVICES} SEMI JOIN (
            SELECT device FROM {DEVICES} SEMI JOIN (
                SELECT record_key FROM {CATALOG}.identity.record_persons SEMI JOIN {people} USING (person_id)
                UNION ALL FROM changed_records) USING (record_key)) USING (device)"""


def of_customers_and_consents(model: Model, was: Made, now: Made) -> str:
    """SELECT of records that became or no longer are nothing but a device, and of those with other statements."""
    customers = net_changes("standardized.customers", was, now, f"record_key, {NOTHING_BUT_A_DEVICE} AS bare")
    consents = changed_rows("standardized.consents", was, now, "record_key")
    found = [f"SELECT record_key FROM ({customers})", f"SELECT record_key FROM ({consents})"]
    if "overrides:" in now.inputs:
        decided = changed_rows("identity.overrides", was, now, "left_key, right_key")
        found.append(f"SELECT unnest([left_key, right_key]) FROM ({decided})")
    if was.as_of != now.as_of:
        assert was.as_of
        assert now.as_of
        since, until = (end_of(day, model.company.timezone) for day in (was.as_of, now.as_of))
        said = f"occurred_at >= {since} AND occurred_at < {until}"
        found.append(f"SELECT record_key FROM {CATALOG}.standardized.consents WHERE {said}")
    return " UNION ".join(found)


def by_exchange_rates(con: duckdb.DuckDBPyConnection, model: Model, was: Made) -> str:
    """SELECT of the records with an amount in a currency whose rate for that time changed."""
    nobody = "SELECT NULL WHERE false"
    if not model.has_dated_rates:
        return nobody
    # the table is made anew in each run, so what it was is compared with what it is
    then = f"SELECT date, currency, rate FROM {RATES} AT (VERSION => {was.snapshot})"
    now = f"SELECT date, currency, rate FROM {RATES}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_rates AS SELECT currency, min(date) AS date FROM (
            ({then} EXCEPT {now}) UNION ALL ({now} EXCEPT {then})) GROUP BY currency""")
    row = con.execute("SELECT min(date) FROM changed_rates").fetchone()
    if row is None or row[0] is None:
        return nobody
    return f"""
        SELECT e.record_key FROM {CATALOG}.standardized.events AS e JOIN changed_rates USING (currency)
        WHERE e.occurred_at >= {end_of(row[0] - dt.timedelta(days=1), model.company.timezone)}"""


def _by_the_calendar(model: Model, was: Made, now: Made) -> str:
    """SELECT of the records with an event that counts for one of the two days only."""
    assert was.as_of
    assert now.as_of
    timezone, found = model.company.timezone, []
    for (first, last), wanted in crossed_days(model, was.as_of, now.as_of).items():
        since, until = end_of(first - dt.timedelta(days=1), timezone), end_of(last, timezone)
        events = f"SELECT * FROM {CATALOG}.standardized.events WHERE occurred_at >= {since} AND occurred_at < {until}"
        found.append(f"SELECT record_key FROM ({with_moments(events, timezone)}) WHERE {' OR '.join(sorted(wanted))}")
    return " UNION ".join(found or ["SELECT NULL WHERE false"])


def crossed_days(model: Model, was: dt.date, now: dt.date) -> dict[tuple[dt.date, dt.date], set[str]]:
    """Spans of days that are in a window as of one of two days only, and which of their events matter.

    Also the day of the first date for a streak that is still going on: it ends when nothing comes after it.
    """
    day = dt.timedelta(days=1)
    found: dict[tuple[dt.date, dt.date], set[str]] = {(was + day, now): {"true"}} if was < now else {}
    for trait in model.traits.values():
        if not trait.aggregate or was == now:
            continue
        wanted = " AND ".join(conditions(trait)) or "true"
        (first_was, last_was), (first_now, last_now) = trait.days(was), trait.days(now)
        spans = [(last_was + day, last_now)] if last_was < last_now else []
        if first_was and first_now and first_was < first_now:
            spans.append((first_was, first_now - day))
        if trait.aggregate == "current_streak":
            spans.append((was, was))
        for span in spans:
            found.setdefault(span, set()).add(f"({wanted})")
    return found


def _compute_touched(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Replace the rows of ``touched``. Only their events are read, and those of all who share a device with them."""
    columns = {"person_id", "visitor", "event_name", "record_key", "device", *ORDER_COLUMNS, *MOMENT_COLUMNS}
    for trait in model.traits.values():
        for expression in (trait.where, trait.of):
            columns |= set(columns_of(expression, TRAIT_EVENT_COLUMNS)) if trait.aggregate and expression else set()
    events = f"SELECT {', '.join(sorted(columns))} FROM ({events_query(model, as_of, 'scope')})"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE scope_people AS
        FROM touched UNION SELECT person_id FROM {CATALOG}.identity.record_persons
        SEMI JOIN ({_on_devices_of("touched")}) USING (record_key);
        CREATE OR REPLACE TEMP TABLE scope AS {owners_of("scope_people")};
        CREATE OR REPLACE TEMP TABLE scope_events AS {events};
        CREATE OR REPLACE TEMP TABLE fresh AS
        WITH {written(seen_events(model, as_of, "scope_events", "touched"))} {values(model, as_of, "touched")};
        DELETE FROM {CATALOG}.{TABLE} WHERE person_id IN (FROM touched);
        INSERT INTO {CATALOG}.{TABLE} BY NAME FROM fresh ORDER BY person_id""")
    for table in ("scope_people", "scope", "scope_events", "fresh"):
        con.execute(f"DROP TABLE {table}")
