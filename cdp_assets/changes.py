"""Of what a table was made, and what changed in the lake since then, so that only that is made again.

DuckLake tells the rows that were added to and deleted from a table between two snapshots, whoever wrote them. Where it
cannot tell any more (a table was made anew, old snapshots were forgotten), everything is to be made again.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG, present_snapshot
from cdp_resources.sql import literal

MADE = f"{CATALOG}.profiles.made"
TABLE = f"""CREATE TABLE IF NOT EXISTS {MADE}
    (table_name VARCHAR, definition VARCHAR, as_of DATE, inputs VARCHAR, snapshot BIGINT)"""
"""Rows are only added, so that two assets never write the same one. Of each table the latest snapshot counts."""


MOST = 0.3
"""Where more than this share of the people changed, all are made again: it takes less than finding what is theirs."""


@dataclass(frozen=True)
class Made:
    """How a table is made: by what ``definition``, as of which day, of which tables, as they were at a snapshot."""

    definition: str
    as_of: dt.date | None
    inputs: str
    snapshot: int


def to_make(con: duckdb.DuckDBPyConnection, query: str, inputs: Sequence[str], as_of: dt.date | None = None) -> Made:
    """How a table would be made now. ``query``: what its rows depend on beside the tables ``inputs`` and the day."""
    definition = hashlib.sha256(f"{duckdb.__version__} {query}".encode()).hexdigest()[:16]
    return Made(definition, as_of, _identities(con, inputs), present_snapshot(con))


def at_snapshot(snapshot: int) -> Made:
    """Only when, for who asks what changed between and does not make a table of it."""
    return Made("", None, "", snapshot)


def last_made(con: duckdb.DuckDBPyConnection, table: str, now: Made) -> Made | None:
    """How a table was made last; None where that, or what changed since, cannot be told: all is to be made again."""
    if not has_table(con, MADE.removeprefix(f"{CATALOG}.")) or not has_table(con, table):
        return None
    row = con.execute(
        f"""SELECT definition, as_of, inputs, snapshot FROM {MADE} WHERE table_name = ?
        ORDER BY snapshot DESC, as_of DESC LIMIT 1""",
        [table],
    ).fetchone()
    made = Made(*row) if row else None
    if not made or (made.definition, made.inputs) != (now.definition, now.inputs):
        return None
    kept = con.execute(
        f"SELECT count(*) FROM ducklake_snapshots({literal(CATALOG)}) WHERE snapshot_id BETWEEN ? AND ?",
        [made.snapshot, now.snapshot],
    ).fetchone()
    return made if kept == (now.snapshot - made.snapshot + 1,) else None


def note(con: duckdb.DuckDBPyConnection, table: str, made: Made) -> None:
    """Say in the open transaction how ``table`` was made in it."""
    con.execute(TABLE)
    con.execute(
        f"INSERT INTO {MADE} VALUES (?, ?, ?, ?, ?)", [table, made.definition, made.as_of, made.inputs, made.snapshot]
    )


def changed_rows(table: str, was: Made, now: Made, columns: str) -> str:
    """SELECT of ``columns`` of every row that was added or deleted between; ``added`` says which."""
    schema, _, name = table.partition(".")
    if was.snapshot == now.snapshot:
        return f"SELECT {columns}, true AS added FROM {CATALOG}.{table} LIMIT 0"
    return f"""
        SELECT {columns}, change_type IN ('insert', 'update_postimage') AS added FROM ducklake_table_changes(
            {literal(CATALOG)}, {literal(schema)}, {literal(name)}, {was.snapshot + 1}, {now.snapshot})"""


def added_rows(table: str, was: Made, now: Made, columns: str) -> str:
    """SELECT of ``columns`` of the rows that are there now and were not before: not of those written again."""
    return _net(table, was, now, columns, ">")


def net_changes(table: str, was: Made, now: Made, columns: str) -> str:
    """SELECT of ``columns`` of the rows that were there at one of the two moments only: not of those written again."""
    return _net(table, was, now, columns, "<>")


def _net(table: str, was: Made, now: Made, columns: str, compared: str) -> str:
    return f"""
        SELECT * EXCLUDE (added) FROM ({changed_rows(table, was, now, columns)})
        GROUP BY ALL HAVING count_if(added) {compared} count_if(NOT added)"""


def count_of(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Number of rows of a temporary table."""
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row
    return int(row[0])


def _identities(con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> str:
    """Which tables these are: one that was dropped and made again under its name is another."""
    names = [table.partition(".")[2] for table in tables]
    rows = con.execute(
        f"""SELECT table_name, table_id FROM ducklake_table_info({literal(CATALOG)})
        WHERE list_contains(?, table_name) ORDER BY ALL""",
        [names],
    ).fetchall()
    return " ".join(f"{name}:{number}" for name, number in rows)
