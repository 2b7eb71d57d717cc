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
from cdp_assets.profiles.attribution import PERSONS
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.device_records import DEVICES, SHARED
from cdp_assets.profiles.people import inputs
from cdp_assets.profiles.touched import by_exchange_rates, of_customers_and_consents
from cdp_assets.profiles.trait_values import INPUTS as VALUES_ARE_OF
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import columns_looked_at, conditions_of, looked_at_of, only_conditions
from cdp_assets.segments.crossing import arrivals, crossed_query, steady, unsteady
from cdp_assets.segments.inputs import behaviour_query, columns_of_behaviour
from cdp_assets.segments.placed import Names, placed_query, turned_query
from cdp_model.model import Model
from cdp_model.traits import PERSON_COLUMNS
from cdp_resources.lake import CATALOG
from cdp_resources.sql import quote

REPLACED = f"{CATALOG}.segments.replaced"
MADE, MADE_BEFORE = "segments.placed", "segments.placed_before"
PLACED, PLACED_BEFORE = f"{CATALOG}.{MADE}", f"{CATALOG}.{MADE_BEFORE}"
MOVING = f"{CATALOG}.segments.moving"
"""Where the temporary tables ``placed`` and ``moving`` of the last day are kept, and the rows of ``placed`` that the
last day replaced, of people in REPLACED. Internal: no contract, and made anew where they do not fit."""
INPUTS = (*VALUES_ARE_OF, "profiles.golden_records")
PREDICTED = {
    "predictions.models": "trained_through",
    "predictions.scores": "score_date",
    "predictions.recommendations": "score_date",
}
"""Tables that predictions are read from, and the column that says from which day on a row is looked at."""


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
    return to_make(con, definition(model), (*INPUTS, *(PREDICTED if model.predictions else ())))


def definition(model: Model) -> str:
    """All that makes what is kept: the same text in every process, as long as the same is declared."""
    fixed, needed, calm = dt.date(2000, 1, 1), looked_at_of(model), steady(model)
    queries = [activity.reading(needed), behaviour_query(needed, fixed)]
    attributes = attributes_kept(model, calm)
    queries.append(placed_query(model, fixed, calm, also=columns_kept(model, calm), attributes=attributes))
    queries.append(placed_query(model, fixed, unsteady(model), known=calm, attributes=attributes))
    return " ".join(queries)


def columns_kept(model: Model, calm: Names) -> list[str]:
    """The quoted columns of behaviour that are kept: what the conditions look at that may turn for anybody."""
    return columns_of_behaviour(model, {*conditions_of(model, model.segments)} - {*calm.conditions})


def attributes_kept(model: Model, calm: Names) -> list[str]:
    """The columns of golden records that the same conditions look at. They stand in ``placed``, but not in the lake."""
    asks = only_conditions(model, {*conditions_of(model, model.segments)} - {*calm.conditions})
    looked_at = inputs(model, columns_looked_at(asks, asks.segments))
    return sorted({"first_seen", *looked_at} & {*PERSON_COLUMNS} - {"person_id", "as_of"})


def last_kept(con: duckdb.DuckDBPyConnection, now: Made, until: dt.date) -> Kept | None:
    """What an earlier run kept of the latest day that is not after ``until``.

    None where there is nothing of today's definitions, or what changed since cannot be told.
    """
    for table in (MADE, MADE_BEFORE):
        was = last_made(con, table, now)
        if was and was.as_of and was.as_of <= until and has_table(con, MADE):
            return Kept(was, now, table == MADE)
    return None


def find_scope(con: duckdb.DuckDBPyConnection, model: Model, kept: Kept, days: Sequence[dt.date]) -> bool:
    """Make ``late`` and ``scope``, to go on from what was kept through ``days``; false where that is hardly less work.

    ``late`` (person_id) are people of whom more, or something else, is known of the kept day; ``scope`` (numbers of
    people) are all whom a step from day to day may touch. ``activity`` then knows these, and all who were on devices of
    several records.
    """
    needed = looked_at_of(model)
    _find_late(con, model, kept)
    steps = list(pairwise(sorted({kept.day, *days})))
    events = f"{CATALOG}.standardized.events"
    crossed = [crossed_query(needed, *step, events, "record_key, device") for step in steps]
    came = [f"SELECT person_id FROM ({arrivals(needed, kept.day, max(days))})"] if steps else []
    crossed_of_any = " UNION ".join(crossed) or "SELECT NULL AS record_key, NULL AS device WHERE false"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE crossed AS {crossed_of_any};
        CREATE OR REPLACE TEMP TABLE met AS
        SELECT person_id FROM {PERSONS} SEMI JOIN crossed USING (record_key)
        UNION {" UNION ".join(["FROM late", *came])}""")
    most = MOST * count_rows(con, "profiles.golden_records")
    if count_of(con, "met") > most:
        return False
    activity.know_people(con, SHARED, "(FROM met UNION SELECT person_id FROM sharing)")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE scope AS
        SELECT number AS person_id FROM numbers SEMI JOIN met USING (person_id)
        UNION SELECT person_id FROM on_devices SEMI JOIN crossed USING (device)
            SEMI JOIN ({activity.SHARED}) USING (device) WHERE person_id IS NOT NULL""")
    return count_of(con, "scope") <= most


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
        CREATE OR REPLACE TEMP TABLE sharing AS
        SELECT device, record_key, person_id FROM {SHARED} JOIN {PERSONS} USING (record_key);
        CREATE OR REPLACE TEMP TABLE late AS
        FROM changed
        UNION SELECT person_id FROM ({net_changes("profiles.golden_records", was, now, attributes)})
        UNION SELECT person_id FROM {PERSONS} SEMI JOIN (
            FROM {DEVICES} SEMI JOIN late_events USING (device)) USING (record_key)
        UNION SELECT person_id FROM sharing SEMI JOIN (
            SELECT device FROM {SHARED} SEMI JOIN changed_records USING (record_key)
            UNION ALL SELECT device FROM sharing SEMI JOIN changed USING (person_id)) USING (device)""")


def restore(con: duckdb.DuckDBPyConnection, kept: Kept, attributes: Sequence[str]) -> None:
    """Make ``placed`` what was kept, but of ``late`` people, whose numbers are ``touched``."""
    columns = ", ".join(f"g.{quote(name)}" for name in attributes)
    found = f"FROM {PLACED}"
    if not kept.is_last:
        found = f"FROM {PLACED} ANTI JOIN {REPLACED} USING (person_id) UNION ALL BY NAME FROM {PLACED_BEFORE}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE placed AS
        SELECT p.*, {columns} FROM (FROM ({found}) ANTI JOIN late USING (person_id)) AS p
        JOIN {CATALOG}.profiles.golden_records AS g USING (person_id);
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT number AS person_id FROM numbers SEMI JOIN late USING (person_id);
        INSERT INTO dirty FROM late {"" if kept.is_last else f"UNION FROM {REPLACED}"}""")


def is_as_it_was(con: duckdb.DuckDBPyConnection, model: Model, kept: Kept) -> bool:
    """Whether nothing else is known of the last day, so that ``moving``, which depends on everybody, is what it was."""
    if not kept.is_last or count_of(con, "late"):
        return False
    if not model.predictions:
        return True
    changed = " UNION ALL ".join(
        f"SELECT {since} FROM ({changed_rows(table, kept.was, kept.now, since)}) WHERE {since} <= $day"
        for table, since in PREDICTED.items()
    )
    return con.execute(f"{changed} LIMIT 1", {"day": kept.day}).fetchone() is None


def note_differences(con: duckdb.DuckDBPyConnection, calm: Names, moving: Names) -> None:
    """Make who entered or left in ``turned`` those since the day that was kept, by what was known of that then."""
    con.execute("DELETE FROM turned WHERE segment IS NOT NULL")
    dirty = "SEMI JOIN dirty USING (person_id)"
    stored = [(calm, f"(FROM {PLACED} {dirty})", f"(FROM placed {dirty})"), (moving, MOVING, "moving")]
    for said, before, after in stored:
        if said.segments:
            differing = f"FROM ({turned_query(said, before, after)}) WHERE segment IS NOT NULL"
            con.execute(f"INSERT INTO turned {differing}")


def keep(
    con: duckdb.DuckDBPyConnection,
    made: Made,
    before: dt.date | None,
    day: dt.date,
    kept: Kept | None,
    attributes: Sequence[str],
) -> None:
    """Keep what ``placed`` is as of a day, and what its last step from the day ``before`` replaced.

    ``kept``: what it went on from, so that only that changed. ``attributes`` are left out.
    """
    columns = f"SELECT * EXCLUDE ({', '.join(map(quote, attributes))})"
    if kept and count_of(con, "dirty") <= MOST * count_rows(con, MADE):
        con.execute(f"DELETE FROM {PLACED} WHERE person_id IN (FROM dirty)")
        con.execute(f"INSERT INTO {PLACED} BY NAME {columns} FROM placed SEMI JOIN dirty USING (person_id)")
    else:
        con.execute(f"CREATE OR REPLACE TABLE {PLACED} AS {columns} FROM placed")
    con.execute(f"CREATE OR REPLACE TABLE {MOVING} AS FROM moving")
    note(con, MADE, replace(made, as_of=day))
    if before:
        con.execute(f"CREATE OR REPLACE TABLE {PLACED_BEFORE} AS {columns} FROM placed_before")
        con.execute(f"CREATE OR REPLACE TABLE {REPLACED} AS SELECT person_id FROM anew")
        note(con, MADE_BEFORE, replace(made, as_of=before))
    else:
        con.execute(f"DROP TABLE IF EXISTS {PLACED_BEFORE}")
