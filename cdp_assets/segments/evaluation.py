"""People put into the segments of a day, or of several: the steps in their order, each a temporary table."""

import datetime as dt
from collections.abc import Iterator, Sequence

import duckdb

from cdp_assets.profiles import predicted
from cdp_assets.segments import activity
from cdp_assets.segments.conditions import looked_at_of, placed_query
from cdp_assets.segments.inputs import behaviour_query
from cdp_model.model import Model


def evaluate(con: duckdb.DuckDBPyConnection, model: Model, day: dt.date) -> None:
    """Make ``placed``, as ``placed_query`` has it, of the end of a day."""
    for _ in evaluate_each(con, model, [day]):
        pass


def evaluate_each(con: duckdb.DuckDBPyConnection, model: Model, days: Sequence[dt.date]) -> Iterator[dt.date]:
    """Make ``placed`` of one day after the other, in order, and say so each time. Days share one scan of the events."""
    if model.predictions:
        predicted.ensure_tables(con)
    needed = looked_at_of(model)
    activity.load(con, needed, max(days))
    for day in sorted(days):
        activity.attribute(con, needed, day)
        con.execute(f"CREATE OR REPLACE TEMP TABLE behaviour AS {behaviour_query(needed, day)}")
        con.execute(f"CREATE OR REPLACE TEMP TABLE placed AS {placed_query(model, day)}")
        yield day
