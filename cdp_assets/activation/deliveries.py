"""`activation/deliveries`: what destinations have acknowledged, and the only code that writes it."""

import datetime as dt

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from cdp_assets.metadata import table_metadata
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake

DELIVERIES = f"{CATALOG}.activation.deliveries"
DESCRIPTIONS = {
    "sync": "Name of the sync",
    "destination": "Name of the destination; the state of another destination is another state",
    "person_id": "Whose row it is",
    "destination_key": "By what the destination knows the row",
    "fingerprint": "Hash of key and fields as acknowledged",
    "status": "acknowledged: the destination holds it; removed: it has acknowledged the removal",
    "change": "The last acknowledged change: add, update, remove, or the event entered or exited",
    "revision": "Number of the acknowledged change of this row: part of the id of the next one",
    "consent_id": "The statement of consent that the delivery relied on; null where none is needed",
    "message_id": "Id of the request or file that was acknowledged",
    "acked_at": "When (UTC)",
    "run_id": "Dagster run",
}
LINEAGE = {
    "person_id": [("profiles/profiles", "person_id")],
    "consent_id": [("standardized/consents", "consent_id")],
}


def ensure_deliveries(con: duckdb.DuckDBPyConnection, table: str = DELIVERIES, kind: str = "TABLE") -> None:
    """Create the table when it is missing; ``kind`` is TABLE or TEMP TABLE."""
    con.execute(f"""
        CREATE {kind} IF NOT EXISTS {table} (sync VARCHAR, destination VARCHAR, person_id VARCHAR,
            destination_key VARCHAR, fingerprint VARCHAR, status VARCHAR, change VARCHAR, revision BIGINT,
            consent_id VARCHAR, message_id VARCHAR, acked_at TIMESTAMP WITH TIME ZONE, run_id VARCHAR)
    """)


def record_acknowledged(
    con: duckdb.DuckDBPyConnection, sync: tuple[str, str], acknowledged: pa.Table, now: dt.datetime, run_id: str
) -> None:
    """Write what the destination said yes to (see `with_outcomes`). ``sync`` is the names of sync and destination."""
    if not acknowledged.num_rows:
        return
    con.register("acknowledged", acknowledged)
    if pc.max(acknowledged["revision"]).as_py() > 0:
        keys = pc.min_max(acknowledged["destination_key"]).as_py()
        # The range lets DuckLake skip the files of other keys; a row that is new to the destination has no old one.
        con.execute(
            f"""
            DELETE FROM {DELIVERIES} WHERE sync = ? AND destination = ? AND destination_key BETWEEN ? AND ?
            AND destination_key IN (SELECT destination_key FROM acknowledged)
            """,
            [*sync, keys["min"], keys["max"]],
        )
    con.execute(
        f"""
        INSERT INTO {DELIVERIES} BY NAME
        SELECT ? AS sync, ? AS destination, person_id, destination_key, fingerprint, change, consent_id, message_id,
            revision + 1 AS revision, if(change IN ('remove', 'exited'), 'removed', 'acknowledged') AS status,
            ? AS acked_at, ? AS run_id FROM acknowledged
        """,
        [*sync, now, run_id],
    )
    con.unregister("acknowledged")


def record_handovers(con: duckdb.DuckDBPyConnection, sync: tuple[str, str], handovers: dict[str, str]) -> None:
    """Write that acknowledged rows belong to other people: destination_key → person_id. Nothing was sent."""
    columns = {"destination_key": list(handovers), "person_id": list(handovers.values())}
    con.register("handovers", pa.table(columns))
    con.execute(
        f"""
        UPDATE {DELIVERIES} AS d SET person_id = h.person_id FROM handovers AS h
        WHERE d.sync = ? AND d.destination = ? AND d.destination_key = h.destination_key
        """,
        [*sync],
    )
    con.unregister("handovers")


def deliveries_asset(model: Model) -> dg.AssetsDefinition:
    """The asset that tells what is where, downstream of every sync."""

    @dg.asset(
        key=["activation", "deliveries"],
        deps=[["activation", name] for name in model.syncs],
        kinds={"duckdb"},
        pool="lake",
    )
    def deliveries(lake: Lake) -> dg.MaterializeResult:
        """Deliveries: one row for each person in each sync, as the destination has acknowledged it.

        Each sync writes its own rows as soon as the destination has said yes to them, and nothing else does. A removed
        row stays as `removed`. This asset reports what is where.
        """
        with lake.transaction("activation.deliveries") as con:
            ensure_deliveries(con)
            pii = {"destination_key"}
            metadata = table_metadata(con, "activation.deliveries", DESCRIPTIONS, pii, LINEAGE)
            return dg.MaterializeResult(
                metadata=metadata | {"what_is_where": dg.MetadataValue.md(_summary(con, model))}
            )

    return deliveries


def _summary(con: duckdb.DuckDBPyConnection, model: Model) -> str:
    """Rows by sync and status, as Markdown; a sync that is declared no more is marked."""
    rows = con.execute(f"""
        SELECT sync, destination, status, count(*), max(acked_at)::TIMESTAMP(0) FROM {DELIVERIES}
        GROUP BY ALL ORDER BY ALL
    """).fetchall()
    lines = []
    for sync, destination, status, count, last in rows:
        declared = sync in model.syncs and model.syncs[sync].destination == destination
        note = "" if declared else " (declared no more: nothing keeps these rows up to date)"
        lines.append(f"| {sync}{note} | {destination} | {status} | {count:,} | {last} |")
    return "\n".join(["| sync | destination | status | rows | last (UTC) |", "|---|---|---|--:|---|", *lines])
