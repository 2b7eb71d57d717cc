"""`activation.approvals`: removals, and sizes of segments, that somebody has looked at and said to be right.

An approval is for the removals of that moment, each by its id, which changes with what the destination holds. A removal
that comes later, or of a row that has been sent again since, is not approved.
"""

import datetime as dt
from collections.abc import Collection

import duckdb

from cdp_assets.activation.difference import REMOVALS
from cdp_resources.lake import CATALOG

APPROVALS = f"{CATALOG}.activation.approvals"


def ensure_approvals(con: duckdb.DuckDBPyConnection, table: str = APPROVALS, kind: str = "TABLE") -> None:
    """Create the table when it is missing; ``kind`` is TABLE or TEMP TABLE."""
    con.execute(f"""
        CREATE {kind} IF NOT EXISTS {table} (sync VARCHAR, destination VARCHAR, person_id VARCHAR,
            idempotency_id VARCHAR, author VARCHAR, reason VARCHAR, approved_at TIMESTAMP WITH TIME ZONE)
    """)


def record_approved(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], author: str, reason: str, now: dt.datetime
) -> int:
    """Approve the removals of the temporary table ``difference``; returns how many were not approved before."""
    removals = f"""
        SELECT person_id, idempotency_id FROM difference ANTI JOIN my_approvals USING (idempotency_id)
        WHERE {REMOVALS}"""
    return _record(con, sync, author, reason, now, removals)


def record_looked_at(
    con: duckdb.DuckDBPyConnection,
    sync: tuple[str, str],
    author: str,
    reason: str,
    now: dt.datetime,
    found: Collection[str],
) -> None:
    """Approve what was ``found``, each by its id, which says what it is."""
    _record(con, sync, author, reason, now, "SELECT unnest(?::VARCHAR[]) AS idempotency_id", list(found))


def _record(
    con: duckdb.DuckDBPyConnection,
    sync: tuple[str, str],
    author: str,
    reason: str,
    now: dt.datetime,
    rows: str,
    *values: list[str],
) -> int:
    added = con.execute(
        f"""
        INSERT INTO {APPROVALS} BY NAME
        SELECT ? AS sync, ? AS destination, *, ? AS author, ? AS reason, ?::TIMESTAMPTZ AS approved_at FROM ({rows})""",
        [*sync, author, reason, now, *values],
    ).fetchone()
    return int(added[0]) if added else 0
