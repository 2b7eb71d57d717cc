"""The ledger of loaded files, `raw.extracts`: what makes loading a file twice impossible."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG
from cdp_resources.sources.files import LandedFile, fingerprint

LEDGER = f"{CATALOG}.raw.extracts"


@dataclass(frozen=True)
class Extract:
    """One load of one version of one file, for the days that it has rows for."""

    extract_id: str
    file: LandedFile
    content_hash: str
    days: tuple[dt.date, ...]


def new_extracts(
    con: duckdb.DuckDBPyConnection,
    table: str,
    files: list[LandedFile],
    days: Collection[dt.date],
    *,
    many_days: bool = False,
) -> list[Extract]:
    """The files whose present content is not what was loaded last, for those of ``days`` that they have rows for.

    ``many_days``: each file may have rows of every day. A file whose size and time are as recorded is not read;
    otherwise its content decides.
    """
    _ensure_ledger(con)
    rows = con.execute(
        f"SELECT file, day, size, modified, content_hash FROM {LEDGER} WHERE stream = ? ORDER BY extracted_at", [table]
    ).fetchall()
    latest = {(name, day): (size, modified, content) for name, day, size, modified, content in rows}
    loads = Counter(name for name, *_ in rows)
    unread = []
    for file in files:
        wanted = sorted(days) if many_days else [file.day]
        known = {day: latest[file.name, day] for day in wanted if (file.name, day) in latest}
        if all(day in known and known[day][:2] == (file.size, file.modified) for day in wanted):
            continue
        unread.append((file, wanted, known))
    with ThreadPoolExecutor() as threads:  # hashing and inflating let go of the interpreter
        contents = list(threads.map(fingerprint, [file for file, _, _ in unread]))
    found, touched = [], []
    for (file, wanted, known), content in zip(unread, contents, strict=True):
        missing = tuple(day for day in wanted if day not in known or known[day][2] != content)
        if missing:
            identity = f"{table}\n{file.name}\n{content}\n{missing}\n{loads[file.name]}"
            found.append(Extract(hashlib.sha256(identity.encode()).hexdigest()[:20], file, content, missing))
        else:
            touched.append(file)
    _note_touched(con, table, touched)
    return found


def _note_touched(con: duckdb.DuckDBPyConnection, table: str, files: list[LandedFile]) -> None:
    """Files with another time but the same content: noted, so that they are not read again each time."""
    if files:
        names, times = [file.name for file in files], [file.modified for file in files]
        con.execute(
            f"""UPDATE {LEDGER} AS l SET modified = t.modified
                FROM (SELECT unnest(?::VARCHAR[]) AS file, unnest(?::VARCHAR[]) AS modified) AS t
                WHERE l.stream = ? AND l.file = t.file""",
            [names, times, table],
        )


def record_extracts(con: duckdb.DuckDBPyConnection, table: str, extracts: list[Extract], rows: Counter[str]) -> None:
    """Note in the ledger what was loaded, in the transaction that loaded it."""
    loads = [(e, day) for e in extracts for day in e.days]
    con.register(
        "loads",
        pa.table(
            {
                "extract_id": pa.array([e.extract_id for e, _ in loads], pa.string()),
                "file": pa.array([e.file.name for e, _ in loads], pa.string()),
                "content_hash": pa.array([e.content_hash for e, _ in loads], pa.string()),
                "size": pa.array([e.file.size for e, _ in loads], pa.int64()),
                "modified": pa.array([e.file.modified for e, _ in loads], pa.string()),
                "day": pa.array([day for _, day in loads], pa.date32()),
                "rows": pa.array([rows[e.extract_id] for e, _ in loads], pa.int64()),
            }
        ),
    )
    con.execute(f"INSERT INTO {LEDGER} BY NAME SELECT *, ? AS stream, now() AS extracted_at FROM loads", [table])
    con.unregister("loads")


def latest_extract(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The load that brought a stream's latest rows; empty before the first."""
    if not has_table(con, "raw.extracts"):
        return []
    row = con.execute(
        f"SELECT max_by(extract_id, (extracted_at, file)) FROM {LEDGER} WHERE stream = ? AND rows > 0", [table]
    ).fetchone()
    return [row[0]] if row and row[0] else []


def loaded_files(con: duckdb.DuckDBPyConnection, table: str) -> set[tuple[str, int, str]]:
    """Name, size and time of every file of a stream that was loaded."""
    if not has_table(con, "raw.extracts"):
        return set()
    return set(con.execute(f"SELECT file, size, modified FROM {LEDGER} WHERE stream = ?", [table]).fetchall())


def _ensure_ledger(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {LEDGER} (extract_id VARCHAR, stream VARCHAR, file VARCHAR, content_hash VARCHAR,
            size BIGINT, modified VARCHAR, day DATE, rows BIGINT, extracted_at TIMESTAMP WITH TIME ZONE)
    """)
