"""Which loads of files each day of a daily output was made of: what a run finds nothing new in, it leaves as it is."""

import datetime as dt
from collections.abc import Collection, Mapping

import duckdb

from cdp_assets.partitions import days_condition
from cdp_resources.lake import CATALOG

MADE_OF = f"{CATALOG}.standardized.made_of"


def ensure_made_of(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table when it is missing. ``version``: of all that decides what becomes of a raw row."""
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {MADE_OF} (output VARCHAR, version VARCHAR, stream VARCHAR, extract_id VARCHAR,
            _day DATE)
    """)


def days_made(con: duckdb.DuckDBPyConnection, output: str, version: str, days: Collection[dt.date]) -> set[dt.date]:
    """Those of ``days`` that were made of some files, and all by this version."""
    rows = con.execute(
        f"""SELECT _day FROM {MADE_OF} WHERE output = ? AND {days_condition(days)}
        GROUP BY _day HAVING count(*) FILTER (version <> ?) = 0""",
        [output, version],
    ).fetchall()
    return {day for (day,) in rows}


def find_unread(
    con: duckdb.DuckDBPyConnection, output: str, streams: Mapping[str, str], days: Collection[dt.date]
) -> set[dt.date]:
    """Fill the temporary table ``unread`` (stream, extract_id, _day) with files that ``days`` were not made of.

    ``streams`` are names of streams by their raw table. Returns the days that have some.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE unread (stream VARCHAR, extract_id VARCHAR, _day DATE)")
    for table, stream in streams.items() if days else ():
        con.execute(f"""
            INSERT INTO unread
            SELECT DISTINCT '{stream}', _extract_id, _day FROM {CATALOG}.{table} WHERE {days_condition(days)}
            EXCEPT SELECT stream, extract_id, _day FROM {MADE_OF} WHERE output = '{output}'
        """)
    return {day for (day,) in con.execute("SELECT DISTINCT _day FROM unread").fetchall()}


def is_unread(stream: str) -> str:
    """SQL for rows of the files in ``unread``. Its first half lets DuckDB skip whole files."""
    files = f"FROM unread WHERE stream = '{stream}'"
    return f"_extract_id IN (SELECT extract_id {files}) AND (_day, _extract_id) IN (SELECT (_day, extract_id) {files})"


def note_unread(con: duckdb.DuckDBPyConnection, output: str, version: str) -> None:
    """The days were made of the files in ``unread`` as well."""
    con.execute(f"INSERT INTO {MADE_OF} SELECT ?, ?, stream, extract_id, _day FROM unread", [output, version])


def note_all(
    con: duckdb.DuckDBPyConnection, output: str, version: str, streams: Mapping[str, str], in_days: str
) -> None:
    """Days (a condition) were made anew, of all files that raw has for them."""
    con.execute(f"DELETE FROM {MADE_OF} WHERE {in_days} AND output = ?", [output])
    for table, stream in streams.items():
        con.execute(
            f"INSERT INTO {MADE_OF} SELECT DISTINCT ?, ?, ?, _extract_id, _day FROM {CATALOG}.{table} WHERE {in_days}",
            [output, version, stream],
        )
