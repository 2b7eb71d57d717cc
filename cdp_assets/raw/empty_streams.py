"""Streams that bring nothing although they always do, and what somebody who looked said of it.

Syncs wait for whoever looks (`cdp_assets/activation/waits.py`): a withdrawal may be among what did not come.
"""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.raw.arrivals import arrivals_of, rows_by_day, silence, volume
from cdp_model.model import Model
from cdp_resources.lake import CATALOG

APPROVED = f"{CATALOG}.raw.approved_silences"


@dataclass(frozen=True)
class EmptyStream:
    """A stream without rows. ``since`` tells this silence from the next one of the stream."""

    stream: str
    since: str
    said: str

    def __str__(self) -> str:
        return f"{self.stream.replace('.', '/')} brings nothing ({self.said})"


def ensure_approved(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing."""
    con.execute(
        f"""CREATE TABLE IF NOT EXISTS {APPROVED} (stream VARCHAR, since VARCHAR, said VARCHAR, author VARCHAR,
        reason VARCHAR, approved_at TIMESTAMPTZ)"""
    )


def empty_streams(con: duckdb.DuckDBPyConnection, model: Model, now: dt.datetime) -> list[EmptyStream]:
    """Watched streams that are silent for longer than declared or usual, or whose latest day has no row at all.

    Without those that somebody has approved. A stream that never had rows is none that always has.
    """
    if not has_table(con, "raw.extracts"):
        return []
    approved = set()
    if has_table(con, "raw.approved_silences"):
        approved = set(con.execute(f"SELECT stream, since FROM {APPROVED}").fetchall())
    today = now.astimezone(ZoneInfo(model.company.timezone)).date()
    found = []
    for source, name, stream in model.streams():
        table = f"raw.{source.name}__{name}"
        if not stream.arrivals.watched or not (arrivals := arrivals_of(con, table, now)):
            continue
        quiet = silence(arrivals, now, stream.arrivals)
        if quiet.passed is False:
            found.append(EmptyStream(table, f"rows of {arrivals[-1]}", quiet.said))
            continue
        rows = {} if stream.day else rows_by_day(con, table, now.date())
        day = max((day for day in rows if day < today), default=None)
        if day and rows[day] == 0 and (counted := volume(rows, today, stream.arrivals)).passed is False:
            found.append(EmptyStream(table, f"{day}", counted.said))
    return [one for one in found if (one.stream, one.since) not in approved]


def approve(con: duckdb.DuckDBPyConnection, found: list[EmptyStream], author: str, reason: str) -> None:
    """Nobody waits for these streams any more, until rows have come and stay away again."""
    ensure_approved(con)
    for one in found:
        con.execute(f"INSERT INTO {APPROVED} VALUES (?, ?, ?, ?, ?, now())",
                    [one.stream, one.since, one.said, author, reason])  # fmt: skip
