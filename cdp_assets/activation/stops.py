"""What stops a sync before it sends: what it waits for, or too many removals; and how somebody allows it."""

import datetime as dt

import duckdb

from cdp_assets.activation.approvals import ensure_approvals, record_approved
from cdp_assets.activation.comparison import SyncStopped, compare
from cdp_assets.activation.desired import PROFILES
from cdp_assets.activation.difference import REMOVALS, Removals, removal_storm
from cdp_assets.activation.waits import approve as approve_waits
from cdp_assets.activation.waits import waits_of
from cdp_model.conditions import built_on
from cdp_model.model import Model
from cdp_model.syncs import Sync
from cdp_resources.lake import CATALOG


def storm_of(con: duckdb.DuckDBPyConnection, model: Model, name: str) -> str | None:
    """Why the removals of the temporary table ``difference`` are too many; what is approved counts no more."""
    sync = model.syncs[name]
    row = con.execute(f"""
        SELECT (SELECT count(*) FROM difference ANTI JOIN my_approvals USING (idempotency_id) WHERE {REMOVALS}),
            (SELECT count(*) FROM held WHERE acknowledged OR uncertain), (SELECT count(*) FROM {PROFILES})
    """).fetchone()
    assert row
    storm = removal_storm(Removals(*row), sync.max_removal_share)
    return storm and storm + _expired(con, model, sync)


def _expired(con: duckdb.DuckDBPyConnection, model: Model, sync: Sync) -> str:
    """Which segments have nobody in them any more, among those that a sync sends or that its own is built on."""
    if not sync.segment:
        return ""
    row = con.execute(
        f"SELECT max(as_of) FROM {CATALOG}.segments.evaluations WHERE segment = ?", [sync.segment]
    ).fetchone()
    day = row[0] if row and row[0] else dt.date.min
    found = {name: model.segments[name] for name in sorted(built_on(model, sync.segment) & {*model.segments})}
    said = [f"`{name}` expired on {segment.expires}" for name, segment in found.items() if segment.expired(day)]
    return f", because nobody is in an expired segment: {', '.join(said)}" if said else ""


def approve(
    con: duckdb.DuckDBPyConnection, model: Model, name: str, author: str, reason: str, now: dt.datetime
) -> list[str]:
    """Approve whatever stops a sync at this moment: what it waits for, and its present removals.

    Returns what was approved, in words. Raises ``ValueError`` where there is nothing to approve, or no reason.
    """
    if not reason.strip():
        raise ValueError("say why with --reason, for whoever looks at it later")
    sync = (name, model.syncs[name].destination)
    ensure_approvals(con)
    try:
        compare(con, model, name, now)
    except SyncStopped as stopped:
        raise ValueError(str(stopped)) from stopped
    waits = waits_of(con, model, name, now)
    approve_waits(con, waits, sync, author, reason.strip(), now)
    said, removals = waits.words(), record_approved(con, sync, author, reason.strip(), now)
    if removals:
        said.append(f"{removals:,} removal{'s' if removals > 1 else ''} from `{sync[1]}`")
    if not said:
        raise ValueError(f"nothing of `{name}` waits for approval: nothing stops it now")
    return said
