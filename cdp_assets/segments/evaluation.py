"""People put into the segments of a day, or of several: the steps in their order, each a temporary table."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

import duckdb

from cdp_assets.changes import count_of
from cdp_assets.profiles import predicted
from cdp_assets.profiles.clock import end_of
from cdp_assets.profiles.device_records import SHARED, keep_devices
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import looked_at_of
from cdp_assets.segments.crossing import arrivals, crossed_query, steady, unsteady
from cdp_assets.segments.inputs import behaviour_query
from cdp_assets.segments.placed import Names, differing_query, members_query, placed_query, turned_query
from cdp_assets.segments.states import (
    MOVING,
    Kept,
    as_made_now,
    attributes_kept,
    columns_kept,
    find_scope,
    is_as_it_was,
    keep,
    last_kept,
    note_differences,
    restore,
)
from cdp_model.model import Model

TURNED = "person_id VARCHAR, segment VARCHAR, condition VARCHAR, is_true BOOLEAN"


def evaluate(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> None:
    """Make the view ``members`` (as_of, segment, person_id) of the end of a day."""
    for _ in evaluate_each(con, model, [day]):
        pass


def evaluate_each(con: duckdb.DuckDBPyConnection, model: Model, days: Sequence[dt.date]) -> Iterator[dt.date]:
    """Make ``members`` of one day after the other, in order, and say so each time.

    The days share one scan of the events, and each after the first looks anew only at the people whose conditions may
    have turned since the one before. Segments that look at the clock, at scores or at other people are asked of all.
    What turned for whom since the day before is in ``turned`` (person_id, segment, condition, is_true): a condition, or
    whether they are in a segment.
    """
    activity.know_people(con)
    if model.predictions:
        predicted.ensure_tables(con)
    yield from _evaluate_each(con, model, days)


def _evaluate_each(
    con: duckdb.DuckDBPyConnection, model: Model, days: Sequence[dt.date], kept: Kept | None = None
) -> Iterator[dt.date]:
    """``evaluate_each``, of the people whom ``activity`` knows.

    ``kept``: what an earlier run kept of the first day, to go on from with the people whom ``find_scope`` has found.
    """
    needed, calm, moving = looked_at_of(model), steady(model), unsteady(model)
    con.execute("CREATE OR REPLACE TEMP TABLE dirty (person_id VARCHAR)")
    before = None
    for day in sorted(days):
        con.execute(f"CREATE OR REPLACE TEMP TABLE turned ({TURNED})")
        if before:
            _touch(con, needed, before, day)
            _renew(con, model, needed, day, calm)
            _note_turned(con, calm, "placed_before", "(FROM placed SEMI JOIN anew USING (person_id))")
        elif kept:
            restore(con, kept, attributes_kept(model, calm))
            activity.load(con, needed, max(days), "scope")
            activity.attribute(con, needed, day)
            if count_of(con, "touched"):
                _renew(con, model, needed, day, calm)
        else:
            activity.load(con, needed, max(days))
            activity.attribute(con, needed, day)
            con.execute(f"CREATE OR REPLACE TEMP TABLE placed AS {_placed(model, needed, day, calm)}")
        if not before:
            came = arrivals(needed, day, max(days))
            con.execute(f"""
                CREATE OR REPLACE TEMP TABLE arrivals AS
                SELECT number AS person_id, moment FROM ({came}) JOIN numbers USING (person_id)""")
        places = placed_query(model, day, moving, "placed", known=calm, attributes=attributes_kept(model, calm))
        if before:
            con.execute(f"CREATE OR REPLACE TEMP TABLE moved AS {differing_query(moving, 'moving', places)}")
            _note_turned(con, moving, "(FROM moving SEMI JOIN moved USING (person_id))", "moved")
            con.execute("DELETE FROM moving WHERE person_id IN (SELECT person_id FROM moved)")
            con.execute("INSERT INTO moving FROM moved")
        else:
            as_it_was = kept and is_as_it_was(con, model, kept)
            con.execute(f"CREATE OR REPLACE TEMP TABLE moving AS {f'FROM {MOVING}' if as_it_was else places}")
        of_each = [members_query(calm.segments, day, "placed"), members_query(moving.segments, day, "moving")]
        con.execute(f"CREATE OR REPLACE TEMP VIEW members AS {' UNION ALL '.join(filter(None, [*of_each, NOBODY]))}")
        yield day
        before = day


def walk(
    con: duckdb.DuckDBPyConnection, model: Model, days: Collection[dt.date], before: dt.date | None
) -> Iterator[tuple[dt.date, bool]]:
    """``evaluate_each`` of ``days``, and first of the day that was evaluated ``before`` them where that is needed.

    From what an earlier run kept where that is possible, and keeping for the next run. With each day comes whether who
    entered or left in ``turned`` did so since the day before as its memberships are.
    """
    keep_devices(con)
    if model.predictions:
        predicted.ensure_tables(con)
    made = as_made_now(con, model)
    wanted = {*days, *([before] if before else [])}
    kept = last_kept(con, made, min(wanted))
    if not (kept and find_scope(con, model, kept, sorted(wanted))):
        kept = None
        activity.know_people(con, SHARED)
    steps = sorted({*wanted, *([kept.day] if kept else [])})
    earlier = None
    for day in _evaluate_each(con, model, steps, kept):
        since_kept = bool(kept and kept.is_last and kept.day == earlier == before)
        if kept and since_kept and not is_as_it_was(con, model, kept):
            note_differences(con, steady(model), unsteady(model))
        yield day, since_kept or earlier in days
        earlier = day
    later = last_kept(con, made, dt.date.max)
    if not (later and later.day > steps[-1]):
        attributes = attributes_kept(model, steady(model))
        keep(con, made, steps[-2] if len(steps) > 1 else None, steps[-1], kept, attributes)


NOBODY = "SELECT NULL::DATE AS as_of, NULL::VARCHAR AS segment, NULL::VARCHAR AS person_id WHERE false"


def _placed(model: Model, needed: Model, day: dt.date, calm: Names, people: str | None = None) -> str:
    """SELECT of where everybody is, or only the ``touched`` ones of ``people``, and what of their behaviour is kept."""
    acts = "acts_anew" if people else "acts_of_day"
    behaviour = f"behaviour AS MATERIALIZED ({behaviour_query(needed, day, people or 'numbers', acts)})"
    if people:
        behaviour = f"acts_anew AS MATERIALIZED (FROM acts_of_day SEMI JOIN touched USING (person_id)), {behaviour}"
    kept = (columns_kept(model, calm), None, attributes_kept(model, calm))
    return f"WITH {behaviour} {placed_query(model, day, calm, 'behaviour', people, *kept)}"


def _renew(con: duckdb.DuckDBPyConnection, model: Model, needed: Model, day: dt.date, calm: Names) -> None:
    """Make the rows of ``touched`` in ``placed`` those of a day; ``placed_before`` has what they were.

    What is replaced is kept in memory until the transaction ends: hence few tables, and of few people.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE anew AS SELECT * FROM numbers SEMI JOIN touched ON number = touched.person_id"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE placed_before AS FROM placed SEMI JOIN anew USING (person_id)")
    con.execute("DELETE FROM placed WHERE person_id IN (SELECT person_id FROM anew)")
    con.execute(f"INSERT INTO placed BY NAME {_placed(model, needed, day, calm, 'anew')}")
    con.execute("INSERT INTO dirty SELECT person_id FROM anew")


def _note_turned(con: duckdb.DuckDBPyConnection, said: Names, before: str, after: str) -> None:
    if said.segments or said.conditions:
        con.execute(f"INSERT INTO turned {turned_query(said, before, after)}")


def _touch(con: duckdb.DuckDBPyConnection, model: Model, before: dt.date, day: dt.date) -> None:
    """Make ``touched``: numbers of all people whose conditions may have turned since the day ``before``.

    By an event that came or went over the border of a window, by what others did on their device, by a statement of
    consent, or because they were first seen.
    """
    activity.attribute_anew(con, model, before, day)
    con.execute(f"INSERT INTO touched {crossed_query(model, before, day, 'acts_of_day')}")
    begin, end = (end_of(one, model.company.timezone) for one in (before, day))
    con.execute(f"INSERT INTO touched SELECT person_id FROM arrivals WHERE moment >= {begin} AND moment < {end}")
    con.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT person_id FROM touched")
