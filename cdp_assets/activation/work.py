"""What a sync has to do: read from one snapshot of the lake, checked before anything is sent."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import duckdb

from cdp_assets.activation.attempts import held_query
from cdp_assets.activation.deliveries import PendingRow
from cdp_assets.activation.desired import PROFILES, candidates_query, columns_needed, field_types_query
from cdp_assets.activation.difference import WITHOUT_WAITING, Removals, difference_query, removal_storm
from cdp_assets.segments.guards import guards_of
from cdp_model.model import Model
from cdp_model.syncs import Sync
from cdp_resources.destinations.base import Row
from cdp_resources.lake import CATALOG, literal


class SyncStopped(Exception):
    """Why a sync must not send anything; the message names the way out."""


@dataclass
class Work:
    """The rows to send next, removals first, and the numbers around them.

    ``stopped``: why nothing but what cannot wait may be sent.
    """

    rows: list[PendingRow]
    pending: int
    held: int
    as_of: dt.date | None
    segment_as_of: dt.date | None
    left_out: dict[str, int]
    removals: dict[str, int]
    held_back: int
    handovers: dict[str, str]
    superseded: list[str]
    field_types: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None


def read_work(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    name: str,
    now: dt.datetime,
    limit: int,
    skip: Collection[str] = (),
    allow_removals: bool = False,
) -> Work:
    """Compare desired with acknowledged state inside one reading transaction.

    Returns the first ``limit`` changes, without those whose payload hash is in ``skip`` and those lately refused.
    Raises ``SyncStopped`` when an input is missing or the removals are too many.
    """
    sync = model.syncs[name]
    tables = existing_tables(con)
    segment_as_of = _check_inputs(con, model, name, tables)
    this_sync = f"sync = {literal(name)} AND destination = {literal(sync.destination)}"
    types = {row[0]: row[1] for row in con.execute(field_types_query(sync, model)).fetchall()}
    candidates = candidates_query(sync, model, types, "privacy.suppressions" in tables)
    con.execute(f"CREATE TEMP TABLE candidates AS {candidates}")
    con.execute(f"CREATE TEMP TABLE held AS {held_query(this_sync)}")
    con.execute(f"CREATE TEMP TABLE difference AS {difference_query(name, sync)}", {"now": now})
    con.execute("CREATE TEMP TABLE skipped AS SELECT unnest(CAST(? AS VARCHAR[])) AS payload_hash", [list(skip)])
    stopped = _guarded(con, model, sync)
    if stopped:
        con.execute(f"DELETE FROM difference WHERE NOT ({WITHOUT_WAITING})")
    held = _count(con, "held WHERE acknowledged OR uncertain")
    removals = _counts(con, "SELECT why, count(*) FROM difference WHERE change = 'remove' GROUP BY why")
    storm = removal_storm(Removals(sum(removals.values()), held, _count(con, PROFILES)), sync.max_removal_share)
    if storm and not allow_removals:
        raise SyncStopped(
            f"{storm}. Nothing was sent. If it is meant, materialize activation/{name} from the launchpad with "
            f"`allow_removals: true`; if not, look at what is upstream first ({_listed(removals)})"
        )
    todo = "difference ANTI JOIN skipped USING (payload_hash) WHERE change <> 'handover' AND NOT held_back"
    return Work(
        rows=_rows(con, todo, limit),
        pending=_count(con, todo),
        held=held,
        as_of=_one(con, f"SELECT max(as_of) FROM {PROFILES}"),
        segment_as_of=segment_as_of,
        left_out=_counts(
            con, "SELECT reason, count(*) FROM candidates WHERE member AND reason IS NOT NULL GROUP BY reason"
        ),
        removals=removals,
        held_back=_count(con, "difference WHERE held_back"),
        handovers=dict(
            con.execute("SELECT destination_key, person_id FROM difference WHERE change = 'handover'").fetchall()
        ),
        superseded=[] if stopped else _superseded(con, this_sync),
        field_types=types,
        stopped=stopped,
    )


def existing_tables(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Every table of the lake, as `schema.table`: one look instead of one for each."""
    rows = con.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_catalog = ?", [CATALOG]
    ).fetchall()
    return {row[0] for row in rows}


def _check_inputs(con: duckdb.DuckDBPyConnection, model: Model, name: str, tables: Collection[str]) -> dt.date | None:
    """Refuse to take a missing table for an empty one; returns the segment's latest evaluated day."""
    sync = model.syncs[name]
    wanted = ["profiles.profiles"]
    if sync.consent:
        wanted += ["standardized.consents", "identity.record_persons"]
    if sync.segment:
        wanted += ["segments.evaluations", "segments.memberships"]
    missing = [table for table in wanted if table not in tables]
    if missing:
        assets = ", ".join(table.replace(".", "/") for table in missing)
        raise SyncStopped(f"sync `{name}` needs {', '.join(missing)}, which do not exist yet: materialize {assets}")
    present = {row[0] for row in con.execute(f"DESCRIBE {PROFILES}").fetchall()}
    unknown = sorted({column for used in columns_needed(sync, model).values() for column in used} - present)
    if unknown:
        raise SyncStopped(
            f"profiles.profiles has no column {', '.join(unknown)} yet, which sync `{name}` uses: "
            "materialize profiles/profiles with what it is made from"
        )
    if sync.segment is None:
        return None
    latest = _one(con, f"SELECT max(as_of) FROM {CATALOG}.segments.evaluations WHERE segment = {literal(sync.segment)}")
    if latest is None:
        raise SyncStopped(
            f"segment `{sync.segment}` of sync `{name}` was never evaluated: materialize segments/memberships"
        )
    assert isinstance(latest, dt.date)
    return latest


def _guarded(con: duckdb.DuckDBPyConnection, model: Model, sync: Sync) -> str | None:
    """Why a sync waits for somebody to look at a segment, and what they can do."""
    guards = guards_of(con, model, sync.segment) if sync.segment else []
    if not guards:
        return None
    said = "; ".join(map(str, guards))
    ways = " and ".join(f"cdp segment approve {guard.segment} --reason '…'" for guard in guards)
    return f"{said}. If that is right: {ways}; if not, look at what is upstream of it first"


def _rows(con: duckdb.DuckDBPyConnection, todo: str, limit: int) -> list[PendingRow]:
    """Removals first: whoever withdrew waits for nobody. Then by key, so that batches fall the same way again."""
    found = con.execute(f"""
        SELECT change, destination_key, fields, person_id, idempotency_id,
            fingerprint, revision, consent_id, payload_hash, attempted_before
        FROM {todo}
        ORDER BY CASE change WHEN 'remove' THEN 0 WHEN 'update' THEN 1 ELSE 2 END, destination_key LIMIT {limit:d}
    """).fetchall()
    return [
        PendingRow(Row(change, key, json.loads(fields) if fields else {}, person, idempotency), *recorded)
        for change, key, fields, person, idempotency, *recorded in found
    ]


def _superseded(con: duckdb.DuckDBPyConnection, this_sync: str) -> list[str]:
    rows = con.execute(f"""
        SELECT payload_hash FROM {CATALOG}.activation.rejections WHERE {this_sync} AND resolved_at IS NULL
        EXCEPT SELECT payload_hash FROM difference
    """).fetchall()
    return [row[0] for row in rows]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{why}: {count:,}" for why, count in Counter(counts).most_common()) or "no removals"


def _counts(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(con.execute(query).fetchall())


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(_one(con, f"SELECT count(*) FROM {relation}"))


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = con.execute(query).fetchone()
    return row[0] if row else None
