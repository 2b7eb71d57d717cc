"""How daily tables of events and consents are filled: any day at any time, again or late, with the same outcome.

The law: of all copies of one thing, the one from the earliest day stays, whatever order the days are loaded in. Of
copies from one day, that of the first file by name stays, as the file was when it was loaded last.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.partitions import days_condition
from cdp_assets.raw.streams import ensure_columns
from cdp_assets.standardized.made_of import days_made, ensure_made_of, find_unread, is_unread, note_all, note_unread
from cdp_assets.standardized.mapped import Mapped
from cdp_assets.standardized.rejection import QUARANTINE, ensure_quarantine, reject
from cdp_resources.lake import CATALOG

DUPLICATES = f"{CATALOG}.standardized.duplicates"
OWN_COLUMNS = {"_day": "DATE", "_stream": "VARCHAR", "_mapping": "INTEGER", "_raw_row": "BIGINT"}


@dataclass(frozen=True)
class DailyTable:
    """One table with a row for each thing that happened, keyed by (source, key)."""

    output: str
    columns: dict[str, str]
    candidates: Callable[[Mapped, str], str]
    key: str
    expressions: dict[str, str] = field(default_factory=dict)
    noted: Callable[[duckdb.DuckDBPyConnection, list[Mapped], str | None], None] | None = None
    """What else is kept of candidates, in the same transaction; of days made anew (a condition) not beside the old."""

    @property
    def table(self) -> str:
        return f"{CATALOG}.standardized.{self.output}"


@dataclass(frozen=True)
class Counts:
    """What became of the raw rows of the days that a run was for."""

    standardized: int
    duplicates: int
    quarantined: int


def update_days(
    con: duckdb.DuckDBPyConnection, target: DailyTable, mapped: list[Mapped], days: Collection[dt.date]
) -> Counts:
    """Bring the rows of ``days`` up to date with raw. Of a day that was made before only files that are new are read.

    The outcome is that of ``replace_days``, which makes the days that this can't: those made by other mappings, and
    those whose new files have copies of what is there.
    """
    present = _prepare(con, target, mapped)
    if not present:
        return Counts(0, 0, 0)
    version = _version(target, mapped)
    made = days_made(con, target.output, version, days)
    news = find_unread(con, target.output, _streams(present), made)
    if news and _add_unread(con, target, present, news):
        note_unread(con, target.output, version)
        news = set()
    if anew := {*days} - made | news:
        replace_days(con, target, mapped, anew)
    return _counts(con, target, days_condition(days))


def replace_days(
    con: duckdb.DuckDBPyConnection, target: DailyTable, mapped: list[Mapped], days: Collection[dt.date]
) -> Counts:
    """Make the rows of ``days`` anew from raw. Running it again changes nothing."""
    present = _prepare(con, target, mapped)
    if not present:
        return Counts(0, 0, 0)
    in_days = days_condition(days)
    _find_candidates(con, [target.candidates(m, in_days) for m in present])
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE before AS SELECT source, {target.key} AS key FROM {target.table} WHERE {in_days};
        DELETE FROM {target.table} WHERE {in_days}
    """)
    for table in (DUPLICATES, QUARANTINE):
        con.execute(f"DELETE FROM {table} WHERE {in_days} AND output = '{target.output}'")
    _place_candidates(con, target, present, in_days)
    note_all(con, target.output, _version(target, mapped), _streams(present), in_days)
    counts, orphaned = _counts(con, target, in_days), _days_of_orphans(con, target)
    if orphaned:
        replace_days(con, target, mapped, orphaned)
    return counts


def _add_unread(
    con: duckdb.DuckDBPyConnection, target: DailyTable, present: list[Mapped], days: Collection[dt.date]
) -> bool:
    """Add the rows of files in ``unread`` to ``days``; False, and nothing is written, if a day has copies of them."""
    in_days = days_condition(days)
    _find_candidates(con, [target.candidates(m, f"{in_days} AND {is_unread(m.raw_name)}") for m in present])
    copies = con.execute(f"""
        SELECT 1 FROM {target.table} AS t
        SEMI JOIN (FROM candidates WHERE len(reasons) = 0) AS c
            ON c.source = t.source AND c.key = t.{target.key} AND c._day = t._day LIMIT 1
    """).fetchone()
    if copies is None:
        _place_candidates(con, target, present)
    return copies is None


def _find_candidates(con: duckdb.DuckDBPyConnection, selects: list[str]) -> None:
    """Fill ``candidates`` from queries over raw, and ``winners`` with the one of each key that may stay."""
    con.execute("DROP TABLE IF EXISTS candidates")
    con.execute("CREATE TEMP TABLE candidates AS " + " UNION ALL BY NAME ".join(selects))
    con.execute("""
        CREATE OR REPLACE TEMP TABLE winners AS
        SELECT source, key, first.raw_row, first.stream, first.mapping, first._day FROM (
            SELECT source, key, min({'_day': _day, 'stream': stream, 'file': _source_file,
                'age': -epoch_us(_extracted_at), 'mapping': mapping, 'raw_row': raw_row}) AS first
            FROM candidates WHERE len(reasons) = 0 GROUP BY source, key)
    """)


def _place_candidates(
    con: duckdb.DuckDBPyConnection, target: DailyTable, present: list[Mapped], anew: str | None = None
) -> None:
    """Write ``candidates`` where they belong: the table, its duplicates, or quarantine. Copies are of other days."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE elsewhere AS
        SELECT t.source, t.{target.key} AS key, t._day, t._stream, t._mapping, t._raw_row FROM {target.table} AS t
        SEMI JOIN winners AS w ON w.source = t.source AND w.key = t.{target.key};
        DELETE FROM winners USING elsewhere AS e
        WHERE winners.source = e.source AND winners.key = e.key AND e._day < winners._day
    """)
    if target.noted:
        target.noted(con, present, anew)
    _give_way_to_earlier(con, target)
    columns = ", ".join(target.columns)
    con.execute(f"""
        INSERT INTO {target.table} ({columns}, _day, _stream, _mapping, _raw_row)
        SELECT {", ".join(target.expressions.get(column, f"c.{column}") for column in target.columns)},
            c._day, c.stream, c.mapping, c.raw_row
        FROM candidates AS c JOIN winners AS w USING (source, key, stream, mapping, raw_row);
        INSERT INTO {DUPLICATES}
        SELECT '{target.output}', source, stream, mapping, key, _day, raw_row
        FROM candidates ANTI JOIN winners USING (source, key, stream, mapping, raw_row) WHERE len(reasons) = 0
    """)
    for m in present:
        reject(con, m)


def _version(target: DailyTable, mapped: list[Mapped]) -> str:
    """Changes whenever a raw row could become something else."""
    text = repr([target.candidates(m, "true") for m in mapped]) + repr(target.expressions)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _streams(present: list[Mapped]) -> dict[str, str]:
    return {m.raw_table: m.raw_name for m in present}


def _days_of_orphans(con: duckdb.DuckDBPyConnection, target: DailyTable) -> set[dt.date]:
    """Days with copies of what stood in the table ``before`` and does not now: one of them takes its place."""
    rows = con.execute(f"""
        SELECT DISTINCT d._day FROM {DUPLICATES} AS d JOIN before USING (source, key)
        WHERE d.output = '{target.output}'
            AND NOT EXISTS (SELECT 1 FROM {target.table} AS t WHERE t.source = d.source AND t.{target.key} = d.key)
    """).fetchall()
    return {day for (day,) in rows}


def _give_way_to_earlier(con: duckdb.DuckDBPyConnection, target: DailyTable) -> None:
    """Later copies that were loaded first become duplicates of the earlier one that came now."""
    con.execute(f"""
        INSERT INTO {DUPLICATES}
        SELECT '{target.output}', e.source, e._stream, e._mapping, e.key, e._day, e._raw_row
        FROM elsewhere AS e SEMI JOIN winners AS w ON e.source = w.source AND e.key = w.key AND e._day > w._day
    """)
    con.execute(f"""
        DELETE FROM {target.table} AS t USING (SELECT * FROM elsewhere SEMI JOIN winners USING (source, key)) AS e
        WHERE t.source = e.source AND t.{target.key} = e.key AND t._day = e._day
    """)


def _counts(con: duckdb.DuckDBPyConnection, target: DailyTable, in_days: str) -> Counts:
    own = f"output = '{target.output}' AND {in_days}"
    row = con.execute(f"""
        SELECT (SELECT count(*) FROM {target.table} WHERE {in_days}), (SELECT count(*) FROM {DUPLICATES} WHERE {own}),
            (SELECT count(*) FROM {QUARANTINE} WHERE {own})
    """).fetchone()
    assert row
    return Counts(*row)


def _prepare(con: duckdb.DuckDBPyConnection, target: DailyTable, mapped: list[Mapped]) -> list[Mapped]:
    """Make what is missing of the tables; returns the mappings whose streams were ever loaded."""
    _ensure_tables(con, target)
    present = [m for m in mapped if has_table(con, m.raw_table)]
    for m in present:
        ensure_columns(con, m.raw_table, m.stream.columns)
    return present


def _ensure_tables(con: duckdb.DuckDBPyConnection, target: DailyTable) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in (target.columns | OWN_COLUMNS).items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {target.table} ({columns})")
    there = {row[0] for row in con.execute(f"DESCRIBE {target.table}").fetchall()}
    for name in target.columns.keys() - there:
        con.execute(f"ALTER TABLE {target.table} ADD COLUMN {name} {target.columns[name]}")
    for name in there - target.columns.keys() - OWN_COLUMNS.keys():  # of an earlier release
        con.execute(f"ALTER TABLE {target.table} DROP COLUMN {name}")
    con.execute(f"""
        CREATE TABLE IF NOT EXISTS {DUPLICATES} (output VARCHAR, source VARCHAR, stream VARCHAR, mapping INTEGER,
            key VARCHAR, _day DATE, raw_row BIGINT)
    """)
    ensure_made_of(con)
    ensure_quarantine(con)
