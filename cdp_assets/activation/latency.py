"""How long it took from what a person did, said or corrected until a destination had acknowledged what follows of it.

Counted are rows of people of whom something new has come into the lake since the run before. Whoever changed for
another reason, because a day left a window or somebody changed the YAML, has no time that it could be counted from.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.changes import added_rows, at_snapshot
from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG, present_snapshot
from cdp_resources.sql import literal

CHANGES = {
    "standardized.events": "record_key, event_id, coalesce(received_at, occurred_at) AS happened_at",
    "standardized.consents": "record_key, consent_id, occurred_at AS happened_at",
    "standardized.customers": "record_key, updated_at AS happened_at",
}
"""What changes a person, with what tells a new row from one that is written again, and when it happened."""

LONGEST = dt.timedelta(days=7)
"""What happened longer ago was loaded late, or is history: it says nothing of how fast things go."""


@dataclass(frozen=True)
class Latency:
    """Of ``rows``: the median and the 95th percentile, in seconds."""

    rows: int
    median: float
    high: float


def latency_of(con: duckdb.DuckDBPyConnection, sync: tuple[str, str], run_id: str, since: int) -> Latency | None:
    """Of the rows that a run has delivered; ``since`` is the snapshot that the run before has read.

    None where there are none that can be counted, or the lake has forgotten that snapshot.
    """
    kept = con.execute(f"SELECT 1 FROM {CATALOG}.snapshots() WHERE snapshot_id = ?", [since]).fetchone()
    tables = [table for table in CHANGES if has_table(con, table)]
    if not kept or not tables or not has_table(con, "identity.record_persons"):
        return None
    was, now = at_snapshot(since), at_snapshot(present_snapshot(con))
    news = " UNION ALL ".join(
        f"SELECT record_key, happened_at FROM ({added_rows(table, was, now, CHANGES[table])})" for table in tables
    )
    row = con.execute(
        f"""
        WITH delivered AS (
            SELECT person_id, acked_at FROM {CATALOG}.activation.deliveries
            WHERE sync = {literal(sync[0])} AND destination = {literal(sync[1])} AND run_id = ?),
        news AS (
            SELECT person_id, min(happened_at) AS happened_at
            FROM ({news}) JOIN {CATALOG}.identity.record_persons USING (record_key) GROUP BY person_id),
        times AS (
            SELECT epoch(acked_at) - epoch(happened_at) AS seconds FROM delivered JOIN news USING (person_id)
            WHERE happened_at BETWEEN acked_at - to_days({LONGEST.days}) AND acked_at)
        SELECT count(*), quantile_cont(seconds, 0.5), quantile_cont(seconds, 0.95) FROM times""",
        [run_id],
    ).fetchone()
    return Latency(*row) if row and row[0] else None
