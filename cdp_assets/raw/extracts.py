"""The ledger of loaded files, `raw.extracts`: what makes loading a file twice impossible."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import duckdb

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
    found = []
    for file in files:
        wanted = sorted(days) if many_days else [file.day]
        known = {day: latest[file.name, day] for day in wanted if (file.name, day) in latest}
        if all(day in known and known[day][:2] == (file.size, file.modified) for day in wanted):
            continue
        content = fingerprint(file)
        missing = tuple(day for day in wanted if day not in known or known[day][2] != content)
        if missing:
            identity = f"{table}\n{file.name}\n{content}\n{missing}\n{loads[file.name]}"
            found.append(Extract(hashlib.sha256(identity.encode()).hexdigest()[:20], file, content, missing))
        else:
            _note_touch(con, table, file, content)
    return found


def _note_touch(con: duckdb.DuckDBPyConnection, table: str, file: LandedFile, content: str) -> None:
    """The file has another time but the same content: so that it is not read again each time."""
    con.execute(
        f"UPDATE {LEDGER} SET modified = ? WHERE stream = ? AND file = ? AND content_hash = ?",
        [file.modified, table, file.name, content],
    )


def record_extracts(con: duckdb.DuckDBPyConnection, table: str, extracts: list[Extract], rows: Counter[str]) -> None:
    """Note in the ledger what was loaded, in the transaction that loaded it."""
    for e in extracts:
        con.execute(
            f"INSERT INTO {LEDGER} SELECT ?, ?, ?, ?, ?, ?, unnest(?::DATE[]), ?, now()",
            [
                e.extract_id,
                table,
                e.file.name,
                e.content_hash,
                e.file.size,
                e.file.modified,
                list(e.days),
                rows[e.extract_id],
            ],
        )


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
