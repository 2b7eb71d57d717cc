"""`profiles.trait_values`: what people's events and consents say, kept up to date by what changed.

A value of a person changes between two runs where something about their records changed, where somebody on one of
their devices changed, or where a day with one of their events enters or leaves a window. These people are computed
again from all their events, by the query that computes everybody. All others stay as they are.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.changes import MOST, count_of, last_made, note, to_make
from cdp_assets.metadata import count_rows
from cdp_assets.profiles.attribution import PERSONS, owners_of
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.device_records import company_of, has_devices, known_on_shared, make_devices
from cdp_assets.profiles.people import events_query, seen_events, values, written
from cdp_assets.profiles.touched import find_touched, windowed
from cdp_model.expressions import columns_of
from cdp_model.model import Model
from cdp_model.traits import MOMENT_COLUMNS, TRAIT_EVENT_COLUMNS
from cdp_resources.lake import CATALOG
from cdp_resources.sql import quote

TABLE = "profiles.trait_values"
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
    if was and was.as_of and was.as_of <= as_of and has_devices(con):
        find_touched(con, model, was, now)
        touched = count_of(con, "touched") + count_of(con, "turned")
        if touched <= MOST * count_rows(con, TABLE):
            _compute_touched(con, model, as_of)
            note(con, TABLE, now)
            return Updated(touched, count_rows(con, TABLE))
    _compute_all(con, model, as_of)
    note(con, TABLE, now)
    people = count_rows(con, TABLE)
    return Updated(people, people)


def _compute_all(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Make the table from nothing. What is small is a table of its own first, so that joins are planned by its size.

    People are numbers until their values are found: they are joined and grouped by in less time than texts.
    """
    make_devices(con)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE numbers AS
        SELECT person_id, row_number() OVER ()::INTEGER AS number FROM (SELECT DISTINCT person_id FROM {PERSONS});
        CREATE OR REPLACE TEMP TABLE owners AS
        SELECT record_key, number AS person_id, visitor FROM ({owners_of()}) JOIN numbers USING (person_id);
        CREATE OR REPLACE TEMP TABLE known AS {known_on_shared("owners")}""")
    events = f"({events_query(model, as_of, 'owners')})"
    identified = f"""
        SELECT device, e.occurred_at, record_key, known.person_id
        FROM {CATALOG}.standardized.events AS e JOIN known USING (device, record_key)
        WHERE e.occurred_at < {end_of(as_of, model.company.timezone)}"""
    con.execute(f"""
        CREATE OR REPLACE TABLE {CATALOG}.{TABLE} AS
        WITH {written(seen_events(model, as_of, events, identified))}, found AS NOT MATERIALIZED (
            {values(model, as_of, "owners")})
        SELECT numbers.person_id, found.* EXCLUDE (person_id) FROM found JOIN numbers ON number = found.person_id;
        DROP TABLE owners;
        DROP TABLE known;
        DROP TABLE numbers""")


def _compute_touched(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Replace the rows of ``touched``, and in those of ``turned`` what windows say.

    Only their events are read, of ``turned`` those of the windows alone, and those of all who share a device with
    ``touched``. An event of long ago stands for the older ones: so there is a row for whoever has none in a window.
    """
    quick = {name: trait for name, trait in model.traits.items() if windowed(trait)}
    first = min((day for trait in quick.values() if (day := trait.days(as_of)[0])), default=as_of)
    begin = end_of(first - dt.timedelta(days=1), model.company.timezone)
    windows = ", ".join(f"fresh.{quote(name)} AS {quote(name)}" for name in quick)
    columns = ", ".join(sorted(_looked_at(model)))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE scope_people AS
        SELECT person_id, '-infinity'::TIMESTAMPTZ AS begins FROM (FROM touched UNION {company_of("touched")})
        UNION ALL SELECT person_id, {begin} FROM turned;
        CREATE OR REPLACE TEMP TABLE scope_persons AS
        SELECT record_key, person_id, begins FROM {PERSONS} JOIN scope_people USING (person_id);
        CREATE OR REPLACE TEMP TABLE scope_sharing AS FROM scope_persons SEMI JOIN shared USING (person_id);
        CREATE OR REPLACE TEMP TABLE scope AS
        SELECT * FROM ({owners_of("scope_persons", "scope_sharing")}) JOIN scope_people USING (person_id);
        CREATE OR REPLACE TEMP TABLE scope_events AS
        SELECT {columns} FROM ({events_query(model, as_of, "scope", begins=True)})
        UNION ALL BY NAME SELECT person_id, false AS visitor, 'epoch'::TIMESTAMPTZ AS occurred_at FROM turned;
        CREATE OR REPLACE TEMP TABLE fresh AS
        WITH {written(seen_events(model, as_of, "scope_events"))} {values(model, as_of, "scope_persons")};
        CREATE OR REPLACE TEMP TABLE kept AS
        SELECT kept.* {f"REPLACE ({windows})" if windows else ""}
        FROM (FROM {CATALOG}.{TABLE} SEMI JOIN turned USING (person_id)) AS kept JOIN fresh USING (person_id);
        DELETE FROM {CATALOG}.{TABLE} WHERE person_id IN (FROM touched UNION ALL FROM turned);
        INSERT INTO {CATALOG}.{TABLE} BY NAME
        SELECT * FROM (SELECT * FROM fresh SEMI JOIN touched USING (person_id) UNION ALL BY NAME FROM kept)
        ORDER BY person_id""")
    for table in ("scope_people", "scope_persons", "scope_sharing", "scope", "scope_events", "fresh", "kept"):
        con.execute(f"DROP TABLE {table}")


def _looked_at(model: Model) -> set[str]:
    """The columns of an event that any trait looks at."""
    columns = {"person_id", "visitor", "event_name", "record_key", "device", "occurred_at", *MOMENT_COLUMNS}
    for trait in model.traits.values():
        for expression in (trait.where, trait.of):
            columns |= set(columns_of(expression, TRAIT_EVENT_COLUMNS)) if trait.aggregate and expression else set()
    return columns
