"""A segment that is `formerly` another keeps what it was: its days, its changes and its guards go under the new name.

Deliveries are known by their sync and not by a segment: once the members of past days have the new name, nothing is
different for a destination.
"""

import datetime as dt
from collections.abc import Collection

import duckdb

from cdp_assets.segments.guards import GUARDS, ensure_guards
from cdp_assets.segments.tables import CHANGES, EVALUATIONS, MEMBERSHIPS
from cdp_model.model import Model

OF_A_DAY = (MEMBERSHIPS, EVALUATIONS)


def rename_days(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Give members, sizes and guards of former names the present one.

    On days that were made under both names the present one is right: what was made under the former one goes.
    """
    ensure_guards(con)
    for former, name in _former(con, EVALUATIONS, model):
        both = f"as_of IN (SELECT as_of FROM {EVALUATIONS} WHERE segment = $name)"
        for table in OF_A_DAY[::-1]:
            con.execute(f"DELETE FROM {table} WHERE segment = $former AND {both}", {"former": former, "name": name})
        for table in (*OF_A_DAY, GUARDS):
            con.execute(f"UPDATE {table} SET segment = ? WHERE segment = ?", [name, former])


def rename_changes(con: duckdb.DuckDBPyConnection, model: Model) -> set[dt.date]:
    """Give changes of former names the present one; returns days that had both, which are to be compared anew."""
    found: set[dt.date] = set()
    for former, name in _former(con, CHANGES, model):
        days = f"SELECT as_of FROM {CHANGES} WHERE segment = ?"
        found |= {day for (day,) in con.execute(f"{days} INTERSECT {days}", [former, name]).fetchall()}
        con.execute(f"UPDATE {CHANGES} SET segment = ? WHERE segment = ?", [name, former])
    return found


def _former(con: duckdb.DuckDBPyConnection, table: str, model: Model) -> Collection[tuple[str, str]]:
    """Former and present name of the segments that a table still has under a former one."""
    names = [(former, name) for name, segment in model.segments.items() for former in segment.formerly]
    if not names:
        return []
    there = {segment for (segment,) in con.execute(f"SELECT DISTINCT segment FROM {table}").fetchall()}
    return [(former, name) for former, name in names if former in there]
