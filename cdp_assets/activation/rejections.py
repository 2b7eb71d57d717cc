"""`activation/rejections`: rows that destinations refused, in their words."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
import duckdb
import pyarrow as pa

from cdp_assets.metadata import count_rows, table_metadata
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake

REJECTIONS = f"{CATALOG}.activation.rejections"
NOT_TAKEN = "not taken for"
"""So begins the error of a row that was never refused, and never taken."""

DESCRIPTIONS = {
    "sync": "Name of the sync",
    "destination": "Name of the destination",
    "person_id": "Whose row it is",
    "destination_key": "By what the destination would know it",
    "change": "What was to be done: add, update, remove, or the event entered or exited",
    "payload_hash": "Hash of change, key and fields: another content is another row here",
    "error": "The destination's words, with the values of the row taken out",
    "attempts": "How often exactly this was refused",
    "first_seen": "First refusal (UTC)",
    "last_seen": "Latest refusal (UTC); it is tried again a day later",
    "resolved_at": "When the row was acknowledged after all, or nobody wanted to send this any more",
    "resolution": "acknowledged, or superseded: the content changed or the person left",
    "run_id": "Dagster run of the latest refusal",
}


def ensure_rejections(con: duckdb.DuckDBPyConnection, table: str = REJECTIONS, kind: str = "TABLE") -> None:
    """Create the table when it is missing; ``kind`` is TABLE or TEMP TABLE."""
    con.execute(f"""
        CREATE {kind} IF NOT EXISTS {table} (sync VARCHAR, destination VARCHAR, person_id VARCHAR,
            destination_key VARCHAR, change VARCHAR, payload_hash VARCHAR, error VARCHAR, attempts BIGINT,
            first_seen TIMESTAMP WITH TIME ZONE, last_seen TIMESTAMP WITH TIME ZONE,
            resolved_at TIMESTAMP WITH TIME ZONE, resolution VARCHAR, run_id VARCHAR)
    """)


def record_rejected(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], refused: pa.Table, now: dt.datetime, run_id: str
) -> None:
    """Write refusals (see `with_outcomes`); one of the same content again raises its count. ``sync``: both names."""
    if not refused.num_rows:
        return
    con.register("refused", refused)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE refused_again AS
        SELECT payload_hash, sum(attempts) AS attempts, min(first_seen) AS first_seen FROM {REJECTIONS}
        WHERE sync = ? AND destination = ? AND payload_hash IN (SELECT payload_hash FROM refused) GROUP BY payload_hash
        """,
        [*sync],
    )
    con.execute(
        f"""
        DELETE FROM {REJECTIONS}
        WHERE sync = ? AND destination = ? AND payload_hash IN (SELECT payload_hash FROM refused_again)
        """,
        [*sync],
    )
    con.execute(
        f"""
        INSERT INTO {REJECTIONS} BY NAME
        SELECT ? AS sync, ? AS destination, person_id, destination_key, change, payload_hash, error,
            coalesce(attempts, 0) + 1 AS attempts,
            coalesce(first_seen, $3) AS first_seen, $3 AS last_seen, ? AS run_id
        FROM refused LEFT JOIN refused_again USING (payload_hash)
        """.replace("$3", "CAST(? AS TIMESTAMPTZ)"),
        [*sync, now, now, run_id],
    )
    con.unregister("refused")


def resolve_acknowledged(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], acknowledged: pa.Table, now: dt.datetime
) -> bool:
    """Close the open refusals of rows that are acknowledged now; returns whether any refusal was open."""
    return _close(con, sync, "acknowledged", "destination_key", acknowledged["destination_key"], now)


def resolve_superseded(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], payload_hashes: Sequence[str], now: dt.datetime
) -> None:
    """Close open refusals of content that nobody wants to send any more."""
    _close(con, sync, "superseded", "payload_hash", pa.array(payload_hashes, pa.string()), now)


def refused_for_days(con: duckdb.DuckDBPyConnection, sync: tuple[str, str], days: int) -> int:
    """Open refusals that began so many days ago, and those of rows that were not taken for so long before."""
    row = con.execute(
        f"""SELECT count(*) FROM {REJECTIONS} WHERE sync = ? AND destination = ? AND resolved_at IS NULL
        AND (first_seen < now() - to_days(?) OR starts_with(error, '{NOT_TAKEN}'))""",
        [*sync, days],
    ).fetchone()
    return int(row[0]) if row else 0


def _close(
    con: duckdb.DuckDBPyConnection,
    sync: tuple[str, str],
    resolution: str,
    column: str,
    values: pa.Array | pa.ChunkedArray,
    now: dt.datetime,
) -> bool:
    open_ones = "sync = ? AND destination = ? AND resolved_at IS NULL"
    # Asked without the values first, which may be many: mostly nothing is open.
    found = con.execute(f"SELECT 1 FROM {REJECTIONS} WHERE {open_ones} LIMIT 1", [*sync]).fetchone() is not None
    if found:
        con.register("closed", pa.table({column: values}))
        con.execute(
            f"""UPDATE {REJECTIONS} SET resolved_at = ?, resolution = ?
            WHERE {open_ones} AND {column} IN (SELECT {column} FROM closed)""",
            [now, resolution, *sync],
        )
        con.unregister("closed")
    return found


def rejections_asset(model: Model) -> dg.AssetsDefinition:
    """The asset that tells what is refused and why, downstream of every sync."""

    @dg.asset(
        key=["activation", "rejections"],
        deps=[["activation", name] for name in model.syncs],
        kinds={"duckdb"},
        pool="lake",
    )
    def rejections(lake: Lake) -> dg.MaterializeResult:
        """Rejections: one row for each content that a destination refused, with its words.

        Written by the syncs as they are told. A refused row is sent again when its content has changed or a day has
        passed; it is resolved when it is acknowledged. This asset reports what is open.
        """
        with lake.transaction("activation.rejections") as con:
            ensure_rejections(con)
            metadata = table_metadata(
                con,
                "activation.rejections",
                DESCRIPTIONS,
                {"destination_key"},
                {"person_id": [("profiles/profiles", "person_id")]},
            )
            unresolved = count_rows(con, "activation.rejections", "resolved_at IS NULL")
            table = _summary(con)
        return dg.MaterializeResult(metadata=metadata | {"open": unresolved, "reasons": dg.MetadataValue.md(table)})

    return rejections


def _summary(con: duckdb.DuckDBPyConnection) -> str:
    rows = con.execute(f"""
        SELECT sync, error, count(*), max(attempts), max(last_seen)::TIMESTAMP(0) FROM {REJECTIONS}
        WHERE resolved_at IS NULL GROUP BY sync, error ORDER BY count(*) DESC, sync, error LIMIT 50
    """).fetchall()
    lines = [f"| {sync} | {error.replace('|', '/')} | {n:,} | {most} | {last} |" for sync, error, n, most, last in rows]
    head = ["| sync | error | open rows | attempts, at most | last (UTC) |", "|---|---|--:|--:|---|"]
    return "\n".join([*head, *lines]) if lines else "nothing is refused"
