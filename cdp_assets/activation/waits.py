"""What makes a sync wait until somebody has looked: sizes of its segments, drifts of identity, empty streams.

While it waits it sends nothing but removals of those who withdrew, are suppressed or gone.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.activation.approvals import record_looked_at
from cdp_assets.identity import alarms
from cdp_assets.raw import empty_streams
from cdp_assets.segments import guards
from cdp_assets.segments.sizes import outside
from cdp_model.model import Model
from cdp_resources.lake import CATALOG


@dataclass(frozen=True)
class Waits:
    """What a sync waits for. ``sizes``: words and id of a size outside its declared range, which one sync may send."""

    jumps: list[guards.Guard]
    sizes: dict[str, str]
    drifts: list[alarms.Alarm]
    empty: list[empty_streams.EmptyStream]

    def words(self) -> list[str]:
        """Each of them."""
        return [*map(str, self.jumps), *self.sizes, *map(str, self.drifts), *map(str, self.empty)]

    def why(self, name: str) -> str | None:
        """What keeps the sync ``name`` back, and what somebody can do; None where nothing does."""
        ways = [f"cdp segment approve {jump.segment} --reason '…'" for jump in self.jumps]
        if self.sizes or self.drifts or self.empty:
            ways = [f"cdp sync approve {name} --reason '…'"]
        said = "; ".join(self.words())
        ways_out = f"To go on all the same: {' and '.join(ways)}. If it is a mistake, look at what is upstream first"
        return f"{said}. {ways_out}" if said else None


def waits_of(con: duckdb.DuckDBPyConnection, model: Model, name: str, now: dt.datetime) -> Waits:
    """What keeps a sync back now. Needs the table ``my_approvals``."""
    segment = model.syncs[name].segment
    return Waits(
        guards.guards_of(con, model, segment) if segment else [],
        _sizes(con, model, segment) if segment else {},
        alarms.standing(con),
        empty_streams.empty_streams(con, model, now),
    )


def approve(
    con: duckdb.DuckDBPyConnection, found: Waits, sync: tuple[str, str], author: str, reason: str, now: dt.datetime
) -> None:
    """Nothing of what was found keeps the sync back any more; jumps, drifts and empty streams keep no other back."""
    for jump in found.jumps:
        guards.approve(con, jump.segment, author, reason)
    if found.sizes:
        record_looked_at(con, sync, author, reason, now, found.sizes.values())
    if found.drifts:
        alarms.approve(con, author, reason)
    if found.empty:
        empty_streams.approve(con, found.empty, author, reason)


def _sizes(con: duckdb.DuckDBPyConnection, model: Model, segment: str) -> dict[str, str]:
    """The segment's size of its latest day where it is outside of what was declared and not approved."""
    row = con.execute(
        f"""SELECT max(as_of), arg_max(members, as_of) FROM {CATALOG}.segments.evaluations WHERE segment = ?""",
        [segment],
    ).fetchone()
    day, size = row or (None, None)
    if day is None or model.segments[segment].expired(day):
        return {}
    approved = {one for (one,) in con.execute("SELECT idempotency_id FROM my_approvals").fetchall()}
    known_by = f"size of {segment} on {day}: {size}"
    return {said: known_by for said in outside(model, {segment: size}) if known_by not in approved}
