"""Taking back what a run sent: whom it added is removed, what it changed or removed gets its former values.

Former values are those of the profiles at the time of the former delivery, as long as the lake keeps that snapshot.
They are sent only where they have the very fingerprint that the destination had acknowledged. Nobody is sent who may
not be sent today. Rows that a later run has sent again are that run's.
"""

import datetime as dt
from collections.abc import Collection

import duckdb

from cdp_assets.activation.comparison import Compared, SyncStopped, compare
from cdp_assets.activation.desired import FINGERPRINT, PROFILES, as_json, columns_needed, mapped_query
from cdp_assets.activation.difference import idempotency_id, numbered
from cdp_assets.activation.work import Work, as_work
from cdp_assets.metadata import has_table
from cdp_model.model import Model
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

FORBIDDEN = (
    *("suppressed", "consent_withdrawn", "consent_missing", "uncertain_identity", "key_suppressed", "key_withdrawn"),
    "person_gone",
)
"""Reasons for which nobody is sent again, whatever the destination held before."""


def read_undo(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    name: str,
    now: dt.datetime,
    limit: int,
    skip: Collection[str] = (),
    allow_removals: bool = True,  # noqa: ARG001 - to take back what was added is what was asked for
    *,
    run_id: str,
) -> Work:
    """What takes back the changes of a run, as `read_work` gives what is to be sent."""
    compared, _ = compare_undo(con, model, name, now, run_id)
    return as_work(con, compared, limit, skip)


def compare_undo(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, now: dt.datetime, run_id: str
) -> tuple[Compared, dict[str, int]]:
    """Make the temporary table `difference` of what takes a run back; also returns, by reason, what cannot be undone.

    Raises ``SyncStopped`` where events were sent, or an input is missing.
    """
    sync = model.syncs[name]
    if sync.mode == "append_events":
        raise SyncStopped(f"sync `{name}` sends events, and what has happened cannot be taken back")
    compared = compare(con, model, name, now)
    con.execute("CREATE TEMP TABLE done AS SELECT * FROM my_deliveries WHERE run_id = ?", [run_id])
    _lay_out_former(con, model, name, compared)
    con.execute(f"CREATE TEMP TABLE taken_back AS {TAKEN_BACK}", {"forbidden": list(FORBIDDEN)})
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE difference AS
        SELECT *, false AS held_back, {idempotency_id(name, sync)} AS idempotency_id
        FROM ({numbered("(FROM taken_back WHERE cannot IS NULL)")})""")
    cannot = con.execute("SELECT cannot, count(*) FROM taken_back WHERE cannot IS NOT NULL GROUP BY ALL").fetchall()
    return compared, dict(cannot)


def syncs_of_run(con: duckdb.DuckDBPyConnection, model: Model, run_id: str) -> tuple[str, list[str]]:
    """The whole id of a run that begins with ``run_id``, and the syncs of the model whose rows are as it sent them.

    Raises ``ValueError`` where there is none, or several.
    """
    if not has_table(con, "activation.deliveries"):
        raise ValueError("nothing was ever sent")
    rows = con.execute(
        f"SELECT DISTINCT run_id, sync FROM {CATALOG}.activation.deliveries WHERE starts_with(run_id, ?) ORDER BY ALL",
        [run_id],
    ).fetchall()
    found = sorted({one for one, _ in rows})
    if len(found) != 1 or not run_id:
        several = (
            f"several runs begin with it: {', '.join(found[:5])}" if found else "it sent nothing, or later runs did"
        )
        raise ValueError(f"run {run_id} cannot be undone: {several}. `cdp sync runs <sync>` lists those that can")
    return found[0], [sync for _, sync in rows if sync in model.syncs]


def runs_of(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, limit: int
) -> list[tuple[str, dt.datetime, str, int]]:
    """Run, time, change and rows of what is on record of a sync, the latest first."""
    if not has_table(con, "activation.deliveries"):
        raise ValueError("nothing was ever sent")
    return con.execute(
        f"""SELECT run_id, max(acked_at)::TIMESTAMP(0), change, count(*) FROM {CATALOG}.activation.deliveries
        WHERE sync = ? AND destination = ? GROUP BY run_id, change
        ORDER BY max(acked_at) DESC, run_id, change LIMIT ?""",
        [name, model.syncs[name].destination, limit],
    ).fetchall()


def _lay_out_former(con: duckdb.DuckDBPyConnection, model: Model, name: str, compared: Compared) -> None:
    """Make `former`: what the destination held before the run, with the fields where they are still known."""
    sync = model.syncs[name]
    con.execute("""
        CREATE TEMP TABLE former (destination_key VARCHAR, person_id VARCHAR, fingerprint VARCHAR, run_id VARCHAR,
            acked_at TIMESTAMPTZ, fields VARCHAR)""")
    row = con.execute("SELECT min(acked_at) FROM done WHERE change <> 'add'").fetchone()
    if row is None or row[0] is None or not _is_kept(con, row[0]):
        return
    con.execute(f"""
        INSERT INTO former BY NAME SELECT destination_key, person_id, fingerprint, run_id, acked_at
        FROM {CATALOG}.activation.deliveries AT (TIMESTAMP => {_moment(row[0])})
        WHERE sync = {literal(name)} AND destination = {literal(sync.destination)} AND status = 'acknowledged'
        AND destination_key IN (SELECT destination_key FROM done)""")
    wanted = {column for used in columns_needed(sync, model).values() for column in used}
    for former_run, moment in con.execute("SELECT run_id, min(acked_at) FROM former GROUP BY run_id").fetchall():
        profiles = f"{PROFILES} AT (TIMESTAMP => {_moment(moment)})"
        if not _is_kept(con, moment) or wanted - {
            one for one, *_ in con.execute(f"DESCRIBE FROM {profiles}").fetchall()
        }:
            continue
        con.execute(
            f"""
            WITH mapped AS ({mapped_query(sync, model, compared.field_types, profiles)}),
            was AS (SELECT destination_key, {as_json("fields")} AS fields FROM mapped)
            UPDATE former SET fields = was.fields FROM (SELECT *, {FINGERPRINT} AS fingerprint FROM was) AS was
            WHERE former.run_id = ? AND was.destination_key = former.destination_key
            AND was.fingerprint = former.fingerprint""",
            [former_run],
        )


def _is_kept(con: duckdb.DuckDBPyConnection, moment: dt.datetime) -> bool:
    """Whether the lake still knows how it was at a moment. Maintenance forgets the oldest snapshots first."""
    query = f"SELECT 1 FROM {CATALOG}.snapshots() WHERE snapshot_time <= {_moment(moment)} LIMIT 1"
    return con.execute(query).fetchone() is not None


def _moment(at: dt.datetime) -> str:
    return f"TIMESTAMPTZ {literal(at.isoformat())}"


TAKEN_BACK = """
WITH judged AS (
    SELECT done.destination_key, coalesce(f.person_id, done.person_id) AS person_id, f.fields,
        CASE WHEN done.change <> 'add' THEN p.consent_id END AS consent_id,
        CASE done.change WHEN 'add' THEN 'remove' WHEN 'remove' THEN 'add' ELSE 'update' END AS change,
        CASE WHEN done.change = 'add' THEN done.fingerprint ELSE f.fingerprint END AS fingerprint,
        CASE WHEN p.person_id IS NULL THEN 'person_gone' ELSE coalesce(k.reason, p.reason) END AS reason
    FROM done LEFT JOIN former AS f USING (destination_key)
    LEFT JOIN candidates AS p ON p.person_id = coalesce(f.person_id, done.person_id)
    LEFT JOIN (SELECT destination_key, max(reason) AS reason FROM candidates WHERE list_contains($forbidden, reason)
        GROUP BY destination_key) AS k ON k.destination_key = done.destination_key)
SELECT judged.* EXCLUDE (reason), held.revision, held.attempted_revision, held.attempted_payload,
    held.attempted_at, held.waits_since, greatest(held.acked_at, held.attempted_at) AS last_told_at,
    CASE change WHEN 'remove' THEN 'undone' END AS why,
    CASE WHEN change = 'remove' THEN NULL WHEN list_contains($forbidden, reason) THEN reason
        WHEN fields IS NULL THEN 'former_values_unknown' END AS cannot
FROM judged JOIN held USING (destination_key)
"""
