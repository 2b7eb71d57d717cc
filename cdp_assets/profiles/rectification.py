"""Corrections in the lake: what was said about an attribute of a record, and when it was taken back.

Rows are only added. What was said last from each origin about an attribute of a record stands, unless that is that it
is withdrawn; of what stands the newest correction is in force.
"""

import datetime as dt
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from cdp_assets.metadata import has_table
from cdp_model.corrections import Correction
from cdp_resources.lake import CATALOG

CORRECTIONS = f"{CATALOG}.profiles.corrections"
COLUMNS = {
    "record_key": "The record; a correction follows it through merges and splits",
    "attribute": "Attribute of the record",
    "decision": "corrected, or withdrawn: what was said before from the same origin no longer counts",
    "value": "What it should be, in the form of standardized records; null when there is none",
    "author": "Who corrected or withdrew",
    "corrected_at": "When; of the corrections of a person the newest counts",
    "reason": "Why",
    "origin": "Where it was made: `file` (corrections.csv), `command`, or another front end",
    "recorded_at": "When it was written here; of the statements of an origin the last one counts",
}
TYPES = {name: "TIMESTAMPTZ" if name.endswith("_at") else "VARCHAR" for name in COLUMNS}
FROM_FILE = "file"
STANDING = f"""
    SELECT * FROM {CORRECTIONS}
    QUALIFY row_number() OVER (PARTITION BY record_key, attribute, origin ORDER BY recorded_at DESC) = 1
        AND decision = 'corrected'"""
CORRECTIONS_IN_FORCE = f"""
    SELECT * FROM ({STANDING})
    QUALIFY row_number() OVER (PARTITION BY record_key, attribute ORDER BY corrected_at DESC, origin, value) = 1"""
"""Of each attribute of a record the correction that counts."""


def ensure_table(con: duckdb.DuckDBPyConnection) -> None:
    """Create `profiles.corrections` where it is missing."""
    if not has_table(con, "profiles.corrections"):
        con.execute(f"CREATE TABLE {CORRECTIONS} ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})")


def correct(con: duckdb.DuckDBPyConnection, corrections: Sequence[Correction], origin: str) -> None:
    """Add corrections in the open transaction: each replaces what its origin said before of that attribute."""
    ensure_table(con)
    _append(con, corrections, "corrected", origin)


def withdraw(
    con: duckdb.DuckDBPyConnection, record_key: str, attribute: str, author: str, at: dt.datetime, reason: str
) -> bool:
    """Take back every correction but the file's; returns whether the file's holds again. ``ValueError`` if none was."""
    ensure_table(con)
    rows = con.execute(
        f"SELECT DISTINCT origin FROM ({STANDING}) WHERE record_key = ? AND attribute = ?", [record_key, attribute]
    ).fetchall()
    origins = [origin for (origin,) in rows]
    in_file = FROM_FILE in origins
    if origins == [FROM_FILE]:
        raise ValueError(f"the correction of {attribute} stands in corrections.csv: remove its line there")
    if not origins:
        raise ValueError(f"no correction of {attribute} stands: `cdp profile corrections` lists all that do")
    for origin in origins:
        if origin != FROM_FILE:
            _append(con, [Correction(record_key, attribute, None, author, at, reason)], "withdrawn", origin)
    return in_file


def take_file(con: duckdb.DuckDBPyConnection, corrections: Sequence[Correction], now: dt.datetime) -> tuple[int, int]:
    """Make ``corrections`` those that the file has made; returns how many were new and how many are withdrawn.

    Nothing is written when nothing changed.
    """
    ensure_table(con)
    newest: dict[tuple[str, str], Correction] = {}
    for correction in sorted(corrections, key=lambda c: (c.corrected_at, c.line)):
        newest[(correction.record_key, correction.attribute)] = correction
    rows = con.execute(
        f"""SELECT record_key, attribute, value, author, corrected_at, reason FROM ({STANDING})
        WHERE origin = ? ORDER BY ALL""",
        [FROM_FILE],
    ).fetchall()
    standing = {(row[0], row[1]): Correction(*row) for row in rows}
    new = [c for key, c in newest.items() if key not in standing or _said(c) != _said(standing[key])]
    gone = [
        Correction(key, attribute, None, FROM_FILE, now, "no longer in the file")
        for key, attribute in standing
        if (key, attribute) not in newest
    ]
    _append(con, new, "corrected", FROM_FILE)
    _append(con, gone, "withdrawn", FROM_FILE)
    return len(new), len(gone)


def _said(correction: Correction) -> tuple[object, ...]:
    return correction.value, correction.author, correction.corrected_at, correction.reason


def _append(con: duckdb.DuckDBPyConnection, rows: Sequence[Correction], decision: str, origin: str) -> None:
    if not rows:
        return
    texts = ("record_key", "attribute", "value", "author", "reason")
    columns = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in texts}
    columns["corrected_at"] = pa.array([row.corrected_at for row in rows], pa.timestamp("us", "UTC"))
    con.register("said", pa.table(columns))
    con.execute(
        f"""INSERT INTO {CORRECTIONS} BY NAME
        SELECT *, ? AS decision, ? AS origin, get_current_timestamp() AS recorded_at FROM said""",
        [decision, origin],
    )
    con.unregister("said")
