"""What one evaluation keeps for the next: what people did, and where that put them, as of its last two days.

The next one begins at the later of them, or at the earlier where the last day is made again. Of that day it looks anew
at people of whom more is known now: late events, other identities or attributes. From there on to its own days it looks
at people for whom a day may have made a difference.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import duckdb

from cdp_assets.changes import MOST, Made, changed_rows, count_of, last_made, net_changes, note, to_make
from cdp_assets.metadata import count_rows, has_table
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.people import inputs
from cdp_assets.profiles.touched import by_exchange_rates, of_customers_and_consents
from cdp_assets.profiles.trait_values import INPUTS as VALUES_ARE_OF
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import columns_looked_at, conditions_of, looked_at_of, placed_query
from cdp_assets.segments.crossing import arrived, crossed_query, steady
from cdp_assets.segments.inputs import behaviour_query
from cdp_model.model import Model
from cdp_model.traits import PERSON_COLUMNS
from cdp_resources.lake import CATALOG

TABLES = ("behaviour", "placed")
"""Temporary tables of an evaluation, and where they are kept of the last day: in `segments`, under the same names.
`<name>_before` has the rows that the last day replaced. Internal: no contract, and made anew where they do not fit."""
REPLACED = f"{CATALOG}.segments.replaced"
MADE, MADE_BEFORE = "segments.placed", "segments.placed_before"
INPUTS = (*VALUES_ARE_OF, "profiles.golden_records")


@dataclass(frozen=True)
class Kept:
    """What was kept, as of which day (``was.as_of``), and how it would be made ``now``."""

    was: Made
    now: Made
    is_last: bool

    @property
    def day(self) -> dt.date:
        """The day that it is of."""
        assert self.was.as_of
        return self.was.as_of


def as_made_now(con: duckdb.DuckDBPyConnection, model: Model) -> Made:
    """How what is kept would be made now."""
    fixed, needed, calm = dt.date(2000, 1, 1), looked_at_of(model), steady(model)
    queries = [activity.reading(needed), behaviour_query(needed, fixed)]
    queries.append(placed_query(model, fixed, calm, conditions_of(model, calm)))
    return to_make(con, " ".join(queries), INPUTS)


def last_kept(con: duckdb.DuckDBPyConnection, now: Made, until: dt.date) -> Kept | None:
    """What an earlier run kept of the latest day that is not after ``until``.

    None where there is nothing of today's definitions, or what changed since cannot be told.
    """
    for table in (MADE, MADE_BEFORE):
        was = last_made(con, table, now)
        if was and was.as_of and was.as_of <= until and has_table(con, "segments.behaviour"):
            return Kept(was, now, table == MADE)
    return None


def find_scope(con: duckdb.DuckDBPyConnection, model: Model, kept: Kept, days: Sequence[dt.date]) -> bool:
    """Make ``late`` and ``scope``, to go on from what was kept through ``days``; false where that is hardly less work.

    ``late`` (person_id) are people of whom more, or something else, is known of the kept day; ``scope`` (numbers of
    people) are all whom a step from day to day may touch. Makes what else ``activity`` needs to be known of records.
    """
    needed = looked_at_of(model)
    activity.number(con)
    activity.find_devices(con)
    _find_late(con, model, kept)
    steps = list(pairwise(sorted({kept.day, *days})))
    events = f"{CATALOG}.standardized.events"
    crossed = [crossed_query(needed, *step, events, "record_key, device") for step in steps]
    came = [f"SELECT person_id FROM ({arrived(needed, *step)})" for step in steps]
    crossed_of_any = " UNION ".join(crossed) or "SELECT NULL AS record_key, NULL AS device WHERE false"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE crossed AS {crossed_of_any};
        CREATE OR REPLACE TEMP TABLE scope AS
        SELECT person_id FROM records SEMI JOIN crossed USING (record_key)
        UNION SELECT person_id FROM on_devices SEMI JOIN crossed USING (device)
            SEMI JOIN ({activity.SHARED}) USING (device) WHERE person_id IS NOT NULL
        UNION SELECT number FROM numbers SEMI JOIN ({" UNION ".join(["FROM late", *came])}) USING (person_id)""")
    return count_of(con, "scope") <= MOST * count_of(con, "numbers")


def _find_late(con: duckdb.DuckDBPyConnection, model: Model, kept: Kept) -> None:
    was, now = kept.was, replace(kept.now, as_of=kept.was.as_of)
    end = end_of(kept.day, model.company.timezone)
    events = changed_rows("standardized.events", was, now, "device, record_key, occurred_at")
    persons = changed_rows("identity.record_persons", was, now, "record_key, person_id")
    looked_at = inputs(model, columns_looked_at(model, model.segments)) & {*PERSON_COLUMNS} - {"as_of"}
    attributes = ", ".join(sorted({"person_id", "first_seen", *looked_at}))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE late_events AS SELECT device, record_key FROM ({events}) WHERE occurred_at < {end};
        CREATE OR REPLACE TEMP TABLE changed_persons AS {persons};
        CREATE OR REPLACE TEMP TABLE changed_records AS
        SELECT record_key FROM late_events UNION SELECT record_key FROM changed_persons
        UNION {of_customers_and_consents(model, was, now)}
        UNION {by_exchange_rates(con, model, was)};
        CREATE OR REPLACE TEMP TABLE changed AS
        SELECT person_id FROM changed_persons
        UNION SELECT person_id FROM {CATALOG}.identity.record_persons SEMI JOIN changed_records USING (record_key);
        CREATE OR REPLACE TEMP TABLE late AS
        FROM changed
        UNION SELECT person_id FROM ({net_changes("profiles.golden_records", was, now, attributes)})
        UNION SELECT numbers.person_id FROM numbers JOIN on_devices ON number = on_devices.person_id WHERE device IN (
            SELECT device FROM late_events
            UNION ALL SELECT device FROM on_devices SEMI JOIN changed_records USING (record_key)
            UNION ALL SELECT device FROM on_devices JOIN numbers ON number = on_devices.person_id
                SEMI JOIN changed ON numbers.person_id = changed.person_id)""")


def restore(con: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    """Make the temporary tables what was kept, but of ``late`` people, whose numbers are ``touched``."""
    for table in TABLES:
        name = f"{CATALOG}.segments.{table}"
        found = f"FROM {name}"
        if not kept.is_last:
            found = f"FROM {name} ANTI JOIN {REPLACED} USING (person_id) UNION ALL BY NAME FROM {name}_before"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM ({found}) ANTI JOIN late USING (person_id)")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT number AS person_id FROM numbers SEMI JOIN late USING (person_id);
        INSERT INTO dirty FROM late {"" if kept.is_last else f"UNION FROM {REPLACED}"}""")


def keep(con: duckdb.DuckDBPyConnection, made: Made, before: dt.date | None, day: dt.date, kept: Kept | None) -> None:
    """Keep what the temporary tables are as of a day, and what its last step from the day ``before`` replaced.

    ``kept``: what they went on from, so that only that changed.
    """
    few = kept and count_of(con, "dirty") <= MOST * count_rows(con, MADE)
    for table in TABLES:
        name = f"{CATALOG}.segments.{table}"
        if few:
            con.execute(f"DELETE FROM {name} WHERE person_id IN (FROM dirty)")
            con.execute(f"INSERT INTO {name} BY NAME FROM {table} SEMI JOIN dirty USING (person_id)")
        else:
            con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM {table}")
        made_of = f"CREATE OR REPLACE TABLE {name}_before AS FROM {table}_before"
        con.execute(made_of if before else f"DROP TABLE IF EXISTS {name}_before")
    note(con, MADE, replace(made, as_of=day))
    if before:
        con.execute(f"CREATE OR REPLACE TABLE {REPLACED} AS SELECT person_id FROM anew")
        note(con, MADE_BEFORE, replace(made, as_of=before))
