"""Who each record was at any time: `identity.record_history`, written in the commits of `identity.record_persons`."""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table

TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.record_history (record_key VARCHAR, person_id VARCHAR, since TIMESTAMPTZ);
INSERT INTO lake.identity.record_history
SELECT record_key, person_id, since FROM lake.identity.record_persons
WHERE NOT EXISTS (FROM lake.identity.record_history);
"""
"""One row per change of a record's person: from ``since`` on it is ``person_id``, or nobody's (null: it is gone).

A lake that had persons before it had this table begins with them.
"""

RECORD_HISTORY = """
INSERT INTO lake.identity.record_history
SELECT record_key, person_id, since FROM changed_persons
UNION ALL SELECT record_key, NULL, now() FROM unsettled WHERE cluster IS NULL
ORDER BY record_key;
"""
"""From the temporary tables of `record_persons`: records with another person than before, and records that are gone."""


@dataclass(frozen=True)
class Stint:
    """A record belonged to ``person_id`` (None: it was gone) from ``since`` to ``until`` (None: it still does)."""

    person_id: str | None
    since: dt.datetime
    until: dt.datetime | None


def ensure_history(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing. Needs `identity.record_persons`."""
    con.execute(TABLES)


def person_at(con: duckdb.DuckDBPyConnection, record_key: str, moment: dt.datetime) -> str | None:
    """The person that a record belonged to at ``moment``; None when it was not there, or not resolved, at that time."""
    if not has_table(con, "identity.record_history"):
        return None
    row = con.execute(
        """SELECT arg_max_null(person_id, since) FROM lake.identity.record_history
        WHERE record_key = ? AND since <= ?""",
        [record_key, moment],
    ).fetchone()
    return row[0] if row else None


def history(con: duckdb.DuckDBPyConnection, record_key: str) -> list[Stint]:
    """Every person that a record ever belonged to, in order."""
    if not has_table(con, "identity.record_history"):
        return []
    rows = con.execute(
        """SELECT person_id, since, lead(since) OVER (ORDER BY since) FROM lake.identity.record_history
        WHERE record_key = ? ORDER BY since""",
        [record_key],
    ).fetchall()
    return [Stint(*row) for row in rows]


def together_since(left: list[Stint], right: list[Stint]) -> dt.datetime | None:
    """Since when two records belong to one person without a break; None when they do not. Persons may have changed."""
    since: dt.datetime | None = None
    for moment in sorted({stint.since for stint in (*left, *right)}):
        person = _at(left, moment)
        if person is None or person != _at(right, moment):
            since = None
        elif since is None:
            since = moment
    return since


def _at(stints: list[Stint], moment: dt.datetime) -> str | None:
    return next((s.person_id for s in reversed(stints) if s.since <= moment), None)
