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
    """The files whose present content was not loaded yet for all of ``days`` that they have rows for.

    ``many_days``: each file may have rows of every day. A file whose size and time are as recorded is not read;
    otherwise its content decides.
    """
    _ensure_ledger(con)
    rows = con.execute(
        f"SELECT file, size, modified, content_hash, day FROM {LEDGER} WHERE stream = ?", [table]
    ).fetchall()
    untouched = {(file, size, modified, day) for file, size, modified, _, day in rows}
    loaded = {(file, content, day) for file, _, _, content, day in rows}
    found = []
    for file in files:
        wanted = sorted(days) if many_days else [file.day]
        if all((file.name, file.size, file.modified, day) in untouched for day in wanted):
            continue
        content = fingerprint(file)
        missing = tuple(day for day in wanted if (file.name, content, day) not in loaded)
        if missing:
            identity = f"{table}\n{file.name}\n{content}\n{missing}"
            found.append(Extract(hashlib.sha256(identity.encode()).hexdigest()[:20], file, content, missing))
    return found


def record_extracts(con: duckdb.DuckDBPyConnection, table: str, extracts: list[Extract], rows: Counter[str]) -> None:
    """Note in the ledger what was loaded, in the transaction that loaded it."""
    if extracts:
        con.executemany(
            f"INSERT INTO {LEDGER} VALUES (?, ?, ?, ?, ?, ?, ?, ?, now())",
            [
                (
                    e.extract_id,
                    table,
                    e.file.name,
                    e.content_hash,
                    e.file.size,
                    e.file.modified,
                    day,
                    rows[e.extract_id],
                )
                for e in extracts
                for day in e.days
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
