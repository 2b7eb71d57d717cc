"""`activation.attempts`: changes that were about to be sent, and whose answer may never have arrived.

A request that times out may have been carried out. If it is forgotten and the person then withdraws, nothing would ever
remove the row. So every change is written here before it leaves; it counts until an acknowledgement of the same or a
later revision is on record, and as long as it counts the destination is taken to hold the row perhaps.
"""

import duckdb
import pyarrow as pa

from cdp_assets.activation.deliveries import DELIVERIES
from cdp_resources.lake import CATALOG

ATTEMPTS = f"{CATALOG}.activation.attempts"


def ensure_attempts(con: duckdb.DuckDBPyConnection, table: str = ATTEMPTS, kind: str = "TABLE") -> None:
    """Create the table when it is missing; ``kind`` is TABLE or TEMP TABLE."""
    con.execute(f"""
        CREATE {kind} IF NOT EXISTS {table} (sync VARCHAR, destination VARCHAR, person_id VARCHAR,
            destination_key VARCHAR, payload_hash VARCHAR, revision BIGINT,
            attempted_at TIMESTAMP WITH TIME ZONE, run_id VARCHAR)
    """)


def record_attempts(con: duckdb.DuckDBPyConnection, sync: tuple[str, str], leaving: pa.Table, run_id: str) -> None:
    """Write what is about to be sent (see `read_pending`); what is only sent again stands here already."""
    con.register("leaving", leaving)
    con.execute(
        f"""
        INSERT INTO {ATTEMPTS} BY NAME
        SELECT ? AS sync, ? AS destination, person_id, destination_key, payload_hash, revision, attempted_at,
            ? AS run_id FROM leaving WHERE NOT attempted_before
        """,
        [*sync, run_id],
    )
    con.unregister("leaving")


def forget_unsent(con: duckdb.DuckDBPyConnection, sync: tuple[str, str], unsent: pa.Table) -> None:
    """Rows that were refused or did not leave were not taken, unless an earlier request with the same content was."""
    if not unsent.num_rows:
        return
    con.register("unsent", unsent)
    con.execute(
        f"""
        DELETE FROM {ATTEMPTS} WHERE sync = ? AND destination = ?
        AND payload_hash IN (SELECT payload_hash FROM unsent WHERE NOT attempted_before)
        """,
        [*sync],
    )
    con.unregister("unsent")


def forget_answered(con: duckdb.DuckDBPyConnection, sync: tuple[str, str]) -> None:
    """Delete attempts that acknowledgements have overtaken."""
    con.execute(
        f"""
        DELETE FROM {ATTEMPTS} AS a USING {DELIVERIES} AS d
        WHERE a.sync = ? AND a.destination = ? AND d.sync = a.sync AND d.destination = a.destination
        AND d.destination_key = a.destination_key AND a.revision < d.revision
        """,
        [*sync],
    )


def held_query() -> str:
    """SELECT of one row a key that the destination holds, may hold or has held, from `my_deliveries`, `my_attempts`.

    ``acknowledged`` says that it holds the row with ``fingerprint``, ``uncertain`` that there is an unanswered attempt,
    whose ``attempted_payload``, ``attempted_revision`` and ``attempted_at`` are those of the latest; ``waits_since`` is
    the time of the first of them.
    """
    return """
        WITH unanswered AS (
            SELECT a.destination_key, arg_max(a.person_id, a.revision) AS person_id, min(attempted_at) AS waits_since,
                max(a.revision) AS attempted_revision, arg_max(a.payload_hash, a.revision) AS attempted_payload,
                arg_max(a.attempted_at, a.revision) AS attempted_at
            FROM my_attempts AS a LEFT JOIN my_deliveries AS d USING (destination_key)
            WHERE a.revision >= coalesce(d.revision, 0) GROUP BY a.destination_key)
        SELECT destination_key, coalesce(d.person_id, a.person_id) AS person_id, d.fingerprint, d.acked_at,
            coalesce(d.status = 'acknowledged', false) AS acknowledged, a.attempted_payload IS NOT NULL AS uncertain,
            coalesce(d.revision, 0) AS revision, a.attempted_revision, a.attempted_payload, a.attempted_at,
            a.waits_since
        FROM my_deliveries AS d FULL JOIN unanswered AS a USING (destination_key)"""
