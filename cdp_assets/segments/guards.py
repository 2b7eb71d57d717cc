"""`segments.guards`: segments whose size jumped, and what somebody who looked said of it.

A guard stands from the day of the jump until somebody approves it, or until the size is usual again. As long as it
stands, the syncs of the segment, and of segments that are built on it, send nobody (`cdp_assets/activation/work.py`).
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.segments.jumps import HISTORY_DAYS, judged
from cdp_assets.segments.tables import EVALUATIONS
from cdp_assets.usual import LEAST_DAYS, Usual
from cdp_model.conditions import built_on
from cdp_model.expressions import did_you_mean
from cdp_model.model import Model
from cdp_resources.lake import CATALOG

GUARDS = f"{CATALOG}.segments.guards"
APPROVED, USUAL_AGAIN = "approved", "usual again"


@dataclass(frozen=True)
class Guard:
    """One jump that nobody has looked at yet. ``as_of``: the day of the jump; ``members``: the latest size."""

    segment: str
    as_of: dt.date
    members: int
    usual: Usual

    def __str__(self) -> str:
        return f"`{self.segment}` jumped to {self.members:,} people on {self.as_of}, where {self.usual} are usual"


def ensure_guards(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing."""
    con.execute(
        f"""CREATE TABLE IF NOT EXISTS {GUARDS} (segment VARCHAR, as_of DATE, members BIGINT, usual_low BIGINT,
        usual_high BIGINT, reason VARCHAR, raised_at TIMESTAMPTZ, outcome VARCHAR, ended_on DATE, ended_at TIMESTAMPTZ,
        ended_by VARCHAR, ended_because VARCHAR)"""
    )


def judge(con: duckdb.DuckDBPyConnection, model: Model, days: Collection[dt.date]) -> list[Guard]:
    """Compare the sizes of the last of the days made with those before them all; returns the guards that stand now.

    Only the latest evaluated day is judged: it is what syncs send. Days under a guard are no history, and what was
    approved is where the next history begins.
    """
    ensure_guards(con)
    first, day = min(days), max(days)
    latest = con.execute(f"SELECT max(as_of) FROM {EVALUATIONS}").fetchone()
    if latest and latest[0] == day:
        rows = con.execute(f"SELECT segment, members FROM {EVALUATIONS} WHERE as_of = ?", [day]).fetchall()
        asked = {name for name, segment in model.segments.items() if not segment.expired(day)}
        sizes = {segment: members for segment, members in rows if segment in asked}
        standing_before = {guard.segment: guard for guard in standing(con)}
        for guard in standing_before.values():
            if guard.segment in sizes:
                _look_again(con, guard, sizes[guard.segment], day)
        others = {segment: size for segment, size in sizes.items() if segment not in standing_before}
        factors = {name: segment.max_jump for name, segment in model.segments.items()}
        for segment, expected in judged(_history(con, first, day), others, factors).items():
            _raise(con, Guard(segment, day, others[segment], expected))
    return standing(con)


def standing(con: duckdb.DuckDBPyConnection) -> list[Guard]:
    """The jumps that nobody has looked at yet."""
    rows = con.execute(
        f"""SELECT segment, as_of, members, usual_low, usual_high FROM {GUARDS} WHERE outcome IS NULL
        ORDER BY segment"""
    ).fetchall()
    return [Guard(segment, as_of, members, Usual(low, high)) for segment, as_of, members, low, high in rows]


def guards_of(con: duckdb.DuckDBPyConnection, model: Model, segment: str) -> list[Guard]:
    """The guards that keep back the syncs of a segment: its own, and those of the segments that it is built on."""
    concerned = built_on(model, segment)
    return [guard for guard in standing(con) if guard.segment in concerned] if has_table(con, "segments.guards") else []


def approve(con: duckdb.DuckDBPyConnection, segment: str, author: str, reason: str) -> Guard:
    """End the guard of a segment: its size is right. The next jump raises another. Raises ``ValueError``."""
    ensure_guards(con)
    found = {guard.segment: guard for guard in standing(con)}
    if segment not in found:
        hint = did_you_mean(segment, found) or (f"; waiting are {', '.join(found)}" if found else "; none is waiting")
        raise ValueError(f"no jump of `{segment}` waits for approval{hint}")
    if not reason.strip():
        raise ValueError("say why with --reason, for whoever looks at it later")
    _end(con, segment, APPROVED, found[segment].as_of, author, reason.strip())
    return found[segment]


def _history(con: duckdb.DuckDBPyConnection, first: dt.date, day: dt.date) -> dict[str, list[int]]:
    """The sizes, from before the ``first`` day made, that a day's are compared with; none where they are too few."""
    rows = con.execute(
        f"""
        WITH approved AS (
            SELECT segment, max(as_of) AS since, arg_max(members, (as_of, ended_at)) AS members FROM {GUARDS}
            WHERE outcome = '{APPROVED}' AND as_of >= $day - {HISTORY_DAYS} GROUP BY segment),
        days AS (
            SELECT segment, as_of, e.members, since FROM {EVALUATIONS} AS e LEFT JOIN approved USING (segment)
            WHERE as_of < $first AND as_of >= $day - {HISTORY_DAYS} AND (since IS NULL OR as_of > since)),
        counted AS (
            SELECT segment, members, since FROM days WHERE NOT EXISTS (
                FROM {GUARDS} AS g WHERE g.segment = days.segment AND g.outcome = '{USUAL_AGAIN}'
                    AND days.as_of >= g.as_of AND days.as_of < g.ended_on)
            UNION ALL SELECT segment, members, since FROM approved)
        SELECT segment, list(members) FROM counted GROUP BY segment
        HAVING count(*) >= {LEAST_DAYS} OR any_value(since) IS NOT NULL""",
        {"first": first, "day": day},
    ).fetchall()
    return dict(rows)


def _raise(con: duckdb.DuckDBPyConnection, guard: Guard) -> None:
    con.execute(
        f"""INSERT INTO {GUARDS} BY NAME SELECT ? AS segment, ?::DATE AS as_of, ? AS members, ? AS usual_low,
        ? AS usual_high, ? AS reason, now() AS raised_at""",
        [guard.segment, guard.as_of, guard.members, guard.usual.low, guard.usual.high, str(guard)],
    )


def _look_again(con: duckdb.DuckDBPyConnection, guard: Guard, size: int, day: dt.date) -> None:
    """Keep the guard with the latest size, or end it because that is usual again."""
    con.execute(f"UPDATE {GUARDS} SET members = ? WHERE segment = ? AND outcome IS NULL", [size, guard.segment])
    if guard.usual.holds(size):
        _end(con, guard.segment, USUAL_AGAIN, day, None, None)


def _end(
    con: duckdb.DuckDBPyConnection, segment: str, outcome: str, day: dt.date, author: str | None, reason: str | None
) -> None:
    con.execute(
        f"""UPDATE {GUARDS} SET outcome = ?, ended_on = ?, ended_at = now(), ended_by = ?, ended_because = ?
        WHERE segment = ? AND outcome IS NULL""",
        [outcome, day, author, reason, segment],
    )
