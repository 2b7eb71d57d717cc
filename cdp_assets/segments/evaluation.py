"""People put into the segments of a day, or of several: the steps in their order, each a temporary table."""

import datetime as dt
from collections.abc import Iterator, Sequence

import duckdb

from cdp_assets.profiles import predicted
from cdp_assets.profiles.clock import end_of
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import looked_at_of, members_query, placed_query
from cdp_assets.segments.crossing import crossed_query, steady
from cdp_assets.segments.inputs import behaviour_query
from cdp_model.model import Model
from cdp_resources.lake import CATALOG


def evaluate(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> None:
    """Make the view ``members`` (as_of, segment, person_id) of the end of a day."""
    for _ in evaluate_each(con, model, [day]):
        pass


def evaluate_each(con: duckdb.DuckDBPyConnection, model: Model, days: Sequence[dt.date]) -> Iterator[dt.date]:
    """Make ``members`` of one day after the other, in order, and say so each time.

    The days share one scan of the events, and each after the first looks anew only at the people whose conditions may
    have turned since the one before. Segments that look at the clock, at scores or at other people are asked of all.
    """
    if model.predictions:
        predicted.ensure_tables(con)
    needed, calm = looked_at_of(model), steady(model)
    moving = {*model.segments} - calm
    activity.load(con, needed, max(days))
    before = None
    for day in sorted(days):
        if before is None:
            activity.attribute(con, needed, day)
            con.execute(f"CREATE OR REPLACE TEMP TABLE behaviour AS {behaviour_query(needed, day)}")
            con.execute(f"CREATE OR REPLACE TEMP TABLE placed AS {placed_query(model, day, calm)}")
        else:
            _touch(con, needed, before, day)
            people = "(SELECT * FROM numbers SEMI JOIN touched ON number = touched.person_id)"
            renewed = behaviour_query(needed, day, people, "(FROM acts_of_day SEMI JOIN touched USING (person_id))")
            con.execute(f"CREATE OR REPLACE TEMP TABLE renewed AS {renewed}")
            con.execute("DELETE FROM behaviour WHERE person_id IN (SELECT person_id FROM renewed)")
            con.execute("INSERT INTO behaviour BY NAME FROM renewed")
            con.execute("DELETE FROM placed WHERE person_id IN (SELECT person_id FROM renewed)")
            con.execute(f"INSERT INTO placed BY NAME {placed_query(model, day, calm, 'renewed')}")
        con.execute(f"CREATE OR REPLACE TEMP TABLE placed_anew AS {placed_query(model, day, moving)}")
        parts = [members_query(calm, day, "placed"), members_query(moving, day, "placed_anew"), NOBODY]
        con.execute(f"CREATE OR REPLACE TEMP VIEW members AS {' UNION ALL '.join(filter(None, parts))}")
        yield day
        before = day


NOBODY = "SELECT NULL::DATE AS as_of, NULL::VARCHAR AS segment, NULL::VARCHAR AS person_id WHERE false"


def _touch(con: duckdb.DuckDBPyConnection, model: Model, before: dt.date, day: dt.date) -> None:
    """Make ``touched``: numbers of all people whose conditions may have turned since the day ``before``.

    By an event that came or went over the border of a window, by what others did on their device, by a statement of
    consent, or because they were first seen.
    """
    activity.attribute_anew(con, model, before, day)
    con.execute(f"INSERT INTO touched {crossed_query(model, before, day, 'acts_of_day')}")
    begin, end = (end_of(one, model.company.timezone) for one in (before, day))
    con.execute(f"""
        INSERT INTO touched SELECT number FROM numbers WHERE person_id IN (
            SELECT person_id FROM {CATALOG}.profiles.golden_records WHERE first_seen >= {begin} AND first_seen < {end}
            UNION ALL
            SELECT person_id FROM {CATALOG}.standardized.consents
            JOIN {CATALOG}.identity.record_persons USING (record_key)
            WHERE occurred_at >= {begin} AND occurred_at < {end})""")
    con.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT person_id FROM touched")
