"""What a sync has to do: read from one snapshot of the lake, checked before anything is sent."""

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import duckdb

from cdp_assets.activation.comparison import Compared, SyncStopped, compare
from cdp_assets.activation.desired import PROFILES
from cdp_assets.activation.difference import REMOVALS, SENT, WITHOUT_WAITING
from cdp_assets.activation.pending import Pending, read_pending
from cdp_assets.activation.stops import storm_of
from cdp_assets.activation.waits import waits_of
from cdp_model.model import Model


@dataclass
class Work:
    """The rows to send next, removals first, and the numbers around them.

    ``stopped``: why nothing but what cannot wait may be sent.
    """

    rows: Pending
    pending: int
    held: int
    as_of: dt.date | None
    segment_as_of: dt.date | None
    left_out: dict[str, int]
    removals: dict[str, int]
    held_back: int
    handovers: dict[str, str]
    superseded: list[str] = field(default_factory=list)
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
    since: dt.datetime | None = None,
    retry_refused: bool = False,
) -> Work:
    """Compare desired with acknowledged state inside one reading transaction.

    Returns the first ``limit`` changes, without those whose payload hash is in ``skip`` and, unless ``retry_refused``,
    those lately refused. Raises ``SyncStopped`` when an input is missing or too many removals are not approved.
    """
    compared = compare(con, model, name, now, since)
    if retry_refused:
        con.execute("UPDATE difference SET held_back = false")
    stopped = waits_of(con, model, name, now).why(name)
    if stopped:
        con.execute(f"DELETE FROM difference WHERE NOT ({WITHOUT_WAITING})")
    storm = storm_of(con, model, name)
    if storm and not allow_removals:
        raise SyncStopped(
            f"{storm}. Nothing was sent. If it is meant: cdp sync approve {name} --reason '…'; "
            f"if not, look at what is upstream first ({_listed(_removals(con))})"
        )
    work = as_work(con, compared, limit, skip)
    work.stopped, work.superseded = stopped, [] if stopped else _superseded(con)
    return work


def as_work(con: duckdb.DuckDBPyConnection, compared: Compared, limit: int, skip: Collection[str]) -> Work:
    """The temporary table ``difference`` as work."""
    con.execute("CREATE TEMP TABLE skipped AS SELECT unnest(CAST(? AS VARCHAR[])) AS payload_hash", [list(skip)])
    todo = f"difference ANTI JOIN skipped USING (payload_hash) WHERE {SENT}"
    return Work(
        rows=read_pending(con, todo, limit),
        pending=_count(con, todo),
        held=_count(con, "held WHERE acknowledged OR uncertain"),
        as_of=_one(con, f"SELECT max(as_of) FROM {PROFILES}"),
        segment_as_of=compared.segment_as_of,
        left_out=_counts(
            con, "SELECT reason, count(*) FROM candidates WHERE member AND reason IS NOT NULL GROUP BY reason"
        ),
        removals=_removals(con),
        held_back=_count(con, "difference WHERE held_back"),
        handovers=dict(
            con.execute("SELECT destination_key, person_id FROM difference WHERE change = 'handover'").fetchall()
        ),
        field_types=compared.field_types,
    )


def _superseded(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute("""
        SELECT payload_hash FROM my_rejections WHERE resolved_at IS NULL
        EXCEPT SELECT payload_hash FROM difference
    """).fetchall()
    return [row[0] for row in rows]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{why}: {count:,}" for why, count in Counter(counts).most_common()) or "no removals"


def _removals(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return _counts(con, f"SELECT why, count(*) FROM difference WHERE {REMOVALS} GROUP BY why")


def _counts(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(con.execute(query).fetchall())


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(_one(con, f"SELECT count(*) FROM {relation}"))


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = con.execute(query).fetchone()
    return row[0] if row else None
