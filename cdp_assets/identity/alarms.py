"""`identity.alarms`: drifts of identity that somebody has to look at, and what they said of it.

An alarm stands until somebody approves it or what raised it is over. As long as it stands, syncs send nobody
(`cdp_assets/activation/waits.py`).
"""

import datetime as dt
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table

REFUSED = "people"
"""A resolution was refused: people are as they were, and do not follow their records."""

UNSTEADY = "measures"
"""Measures of the linkage moved further than usual."""

WORDS = {
    REFUSED: "identity drifts: people are left as they were, because",
    UNSTEADY: "identity drifts: since {day},",
}
APPROVED, OVER = "approved", "over"


@dataclass(frozen=True)
class Alarm:
    """One alarm that nobody has looked at yet. ``said``: the latest reason; ``raised_at``: when it was raised first."""

    kind: str
    said: str
    raised_at: dt.datetime

    def __str__(self) -> str:
        return f"{WORDS[self.kind].format(day=self.raised_at.date())} {self.said}"


def ensure_alarms(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing."""
    con.execute(
        """CREATE TABLE IF NOT EXISTS lake.identity.alarms (kind VARCHAR, said VARCHAR, raised_at TIMESTAMPTZ,
        run_id VARCHAR, outcome VARCHAR, ended_at TIMESTAMPTZ, ended_by VARCHAR, ended_because VARCHAR)"""
    )


def raise_alarm(con: duckdb.DuckDBPyConnection, kind: str, said: str, run_id: str) -> None:
    """Raise an alarm, or say of the one that stands what the reason is now.

    A refused resolution is approved until people are resolved: they are those that somebody has looked at.
    """
    ensure_alarms(con)
    if any(alarm.kind == kind for alarm in standing(con)):
        con.execute("UPDATE lake.identity.alarms SET said = ? WHERE kind = ? AND outcome IS NULL", [said, kind])
        return
    if kind == REFUSED and con.execute(APPROVED_SINCE, [kind, APPROVED]).fetchone():
        return
    con.execute(
        """INSERT INTO lake.identity.alarms BY NAME
        SELECT ? AS kind, ? AS said, now() AS raised_at, ? AS run_id""",
        [kind, said, run_id],
    )


def end(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    """What raised the alarm is over."""
    if any(alarm.kind == kind for alarm in standing(con)):
        con.execute(f"{ENDED} AND kind = ?", [OVER, None, None, kind])


def standing(con: duckdb.DuckDBPyConnection) -> list[Alarm]:
    """The alarms that nobody has looked at yet."""
    if not has_table(con, "identity.alarms"):
        return []
    rows = con.execute(
        "SELECT kind, said, raised_at FROM lake.identity.alarms WHERE outcome IS NULL ORDER BY kind DESC"
    ).fetchall()
    return [Alarm(*row) for row in rows]


def approve(con: duckdb.DuckDBPyConnection, author: str, reason: str) -> None:
    """End all alarms that stand: the people that are there are right to send."""
    if standing(con):
        con.execute(ENDED, [APPROVED, author, reason])


ENDED = """
UPDATE lake.identity.alarms SET outcome = ?, ended_at = now(), ended_by = ?, ended_because = ? WHERE outcome IS NULL"""

APPROVED_SINCE = """
FROM lake.identity.alarms WHERE kind = ? AND outcome = ?
AND ended_at > coalesce((SELECT max(resolved_at) FROM lake.identity.resolutions), '-infinity'::TIMESTAMPTZ) LIMIT 1"""
