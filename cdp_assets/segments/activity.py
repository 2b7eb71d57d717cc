"""What people did, as far as a model looks at it: events with as few and as narrow columns as its conditions need.

Names of events become small numbers (ENUM), people as well, and what conditions and traits read of an event (a column,
or a path into its properties) is a column, read once and only of the events that are asked. What they make of it
(`where`, `of`) is computed where it is counted: to keep a column of each takes longer. Everything that is counted for a
day, or for many, is counted on these.
"""

import datetime as dt
from collections.abc import Collection

import duckdb

from cdp_assets.profiles.attribution import PERSONS, events_of_people, owners_of, users_in_order
from cdp_assets.profiles.clock import end_of
from cdp_assets.segments.looked_at import NAMES, LookedAt, column, listed, stored
from cdp_model.expressions import computed
from cdp_model.model import Model
from cdp_model.traits import TRAIT_EVENT_COLUMNS
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote


def value_of(expression: str) -> str:
    """The quoted column of an expression over events."""
    return quote(column("value", expression))


def seen(acts: str, names: Collection[str], expressions: Collection[str | None]) -> str:
    """SELECT of the rows of ``acts`` that have one of these names (none: any), with the values of expressions."""
    values = [
        f"{computed(expression, TRAIT_EVENT_COLUMNS, stored)} AS {value_of(expression)}"
        for expression in sorted({expression for expression in expressions if expression})
    ]
    of_these = f" WHERE {is_named(names)}" if names else ""
    return f"SELECT {', '.join(['*', *values])} FROM {acts}{of_these}"


def is_named(names: Collection[str]) -> str:
    """SQL: something that was done has one of these names. As numbers: to compare texts takes several times as long."""
    return f"({' OR '.join(f'event_name = {literal(name)}::{NAMES}' for name in sorted({*names}))})"


PAIRS = f"(SELECT DISTINCT device, record_key FROM {CATALOG}.standardized.events WHERE device IS NOT NULL)"


def know_people(con: duckdb.DuckDBPyConnection, pairs: str = PAIRS, people: str | None = None) -> None:
    """Make ``numbers``, ``records`` and ``on_devices`` of everybody, or only of ``people``, a relation of person_id.

    ``numbers`` (person_id, number) is in the order of the ids: of all who have records, and of all who have a profile,
    since whoever lost the last record has one until it follows. ``records`` has whose each record is, ``on_devices``
    (device, record_key, person_id, visitor) whose records were on which device; ``pairs`` is a relation of the first
    two, at least of the devices that had several records. ``people`` must include all of those who were on them.
    """
    of_these = f"SEMI JOIN {people} USING (person_id)" if people else ""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE persons AS SELECT record_key, person_id FROM {PERSONS} {of_these};
        CREATE OR REPLACE TEMP TABLE numbers AS
        SELECT person_id, row_number() OVER (ORDER BY person_id)::INTEGER AS number FROM (
            SELECT person_id FROM persons
            UNION SELECT person_id FROM {CATALOG}.profiles.golden_records {of_these});
        CREATE OR REPLACE TEMP TABLE records AS
        SELECT record_key, number AS person_id, visitor FROM ({owners_of("persons")}) JOIN numbers USING (person_id);
        CREATE OR REPLACE TEMP TABLE on_devices AS FROM {pairs} LEFT JOIN records USING (record_key);
        DROP TABLE persons""")


SHARED = "SELECT device FROM on_devices GROUP BY device HAVING bool_or(visitor) AND NOT bool_and(visitor)"
"""The devices that visitors share with known people: whose an event on them is must be found out."""


def load(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    until: dt.date,
    people: str | None = None,
    of_everybody: Collection[str] | None = (),
) -> None:
    """Make the views ``acts`` and ``visits``, up to the end of a day, of ``records`` and ``on_devices``.

    ``visits`` has what was done on devices that visitors share with known people, and ``acts`` all else. ``people``, a
    relation of numbers (person_id), leaves out what all others did, but for events of the names ``of_everybody``
    (None: any).
    """
    looked_at = LookedAt(model)
    wanted, shared, records = looked_at.wanted, SHARED, "records"
    if people and of_everybody is not None:
        named = f" OR event_name IN ({listed({*of_everybody})})" if of_everybody else ""
        wanted = f"{wanted} AND (person_id IN (SELECT person_id FROM {people}){named})"
        if not of_everybody:
            shared += f" AND bool_or(person_id IN (SELECT person_id FROM {people}))"
            users = "SELECT person_id FROM on_devices SEMI JOIN shared ON device = of_device"
            records = f"(FROM records SEMI JOIN (SELECT person_id FROM {people} UNION {users}) USING (person_id))"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE shared AS
        SELECT device AS of_device, row_number() OVER ()::INTEGER AS shared_device FROM ({shared})""")
    # few records were on these devices: to look for the device of every event takes longer
    shares = "record_key IN (SELECT record_key FROM on_devices SEMI JOIN shared ON device = of_device) AS shares"
    events = f"""
        SELECT *, {looked_at.clock}
        FROM {CATALOG}.standardized.events JOIN (SELECT *, {shares} FROM {records}) USING (record_key)
        LEFT JOIN shared ON of_device = CASE WHEN shares THEN device END
        LEFT JOIN {looked_at.names} USING (event_name)
        WHERE occurred_at < {end_of(until, model.company.timezone)} AND (shared_device IS NOT NULL OR ({wanted}))"""
    con.execute(f"""
        CREATE OR REPLACE TEMP TYPE {NAMES} AS {looked_at.type_of_names};
        CREATE OR REPLACE TEMP TABLE happened AS
        SELECT person_id, occurred_at, day, {looked_at.columns}, shared_device AS device,
            CASE WHEN shared_device IS NOT NULL THEN record_key END AS record_key, visitor, {looked_at.wanted} AS wanted
        FROM ({looked_at.with_money(events)});
        CREATE OR REPLACE TEMP VIEW acts AS
        SELECT * EXCLUDE (device, record_key, visitor, wanted) FROM happened WHERE device IS NULL;
        CREATE OR REPLACE TEMP VIEW visits AS FROM happened WHERE device IS NOT NULL""")


def reading(model: Model) -> str:
    """SQL of all that is read of events for a model, to know whether two models read the same."""
    looked_at = LookedAt(model)
    read = (looked_at.columns, looked_at.names, looked_at.wanted, looked_at.with_money("events"))
    return f"{' '.join(read)} {model.identity.max_household}"


def attribute(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Make the view ``acts_of_day``: what people did up to the end of a day, each with whose it is then."""
    end = end_of(as_of, model.company.timezone)
    visits = f"SELECT * FROM visits WHERE occurred_at < {end}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE attributed AS {_attributed(model, visits)}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW acts_of_day AS {_acts_before(end)}")


def attribute_anew(con: duckdb.DuckDBPyConnection, model: Model, before: dt.date, day: dt.date) -> None:
    """Bring what ``attribute`` made for the day ``before`` up to ``day``.

    Makes ``touched``: the numbers of people to whom or from whom something may have moved, for something came on the
    same device since.
    """
    begin, end = (end_of(one, model.company.timezone) for one in (before, day))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE busy AS
        SELECT DISTINCT device FROM visits WHERE occurred_at >= {begin} AND occurred_at < {end}""")
    con.execute("""
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT person_id FROM attributed SEMI JOIN busy USING (device)
        UNION SELECT person_id FROM visits SEMI JOIN busy USING (device)""")
    con.execute("DELETE FROM attributed WHERE device IN (FROM busy)")
    of_these = f"SELECT * FROM visits SEMI JOIN busy USING (device) WHERE occurred_at < {end}"
    con.execute(f"INSERT INTO attributed {_attributed(model, of_these)}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW acts_of_day AS {_acts_before(end)}")


def _attributed(model: Model, visits: str) -> str:
    return f"""
        WITH before AS ({visits}), users AS ({users_in_order("before", model.identity.max_household)})
        SELECT * EXCLUDE (record_key, wanted) FROM ({events_of_people("before", "users")}) WHERE wanted"""


def _acts_before(end: str) -> str:
    return f"FROM acts WHERE occurred_at < {end} UNION ALL SELECT * EXCLUDE (device) FROM attributed"
