"""How long is kept what was predicted of people: as long as is declared, counted back from the day that is scored."""

import datetime as dt

import duckdb

from cdp_model.model import Model
from cdp_model.predictions import KEPT, days_in
from cdp_resources.sql import literal


def delete_expired(con: duckdb.DuckDBPyConnection, table: str, model: Model, as_of: dt.date) -> int:
    """Delete the rows of days that are too old as of a day, and say how many there were.

    ``table`` has prediction and score_date. What is no longer declared is kept as long as by default.
    """
    cases = " ".join(f"WHEN {literal(name)} THEN {p.keep_days}" for name, p in model.predictions.items())
    kept = f"CASE prediction {cases} ELSE {days_in(KEPT)} END" if cases else str(days_in(KEPT))
    row = con.execute(f"DELETE FROM {table} WHERE score_date <= DATE {literal(str(as_of))} - ({kept})").fetchone()
    return int(row[0]) if row else 0
