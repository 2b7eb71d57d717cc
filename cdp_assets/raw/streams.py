"""`raw/<source>__<stream>`: one asset for each declared stream, every extracted row as it came."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.metadata import has_table, table_metadata
from cdp_assets.partitions import daily, days_of
from cdp_assets.raw.drift import (
    UndeclaredColumns,
    missing_columns,
    retyped_columns,
    shares_of_kinds,
    undeclared_columns,
)
from cdp_assets.raw.extracts import Extract, latest_extract, new_extracts, record_extracts
from cdp_model.expressions import render
from cdp_model.model import CompanySettings, Model
from cdp_model.sources import Source, Stream
from cdp_resources.environment import landing_of
from cdp_resources.extensions import allow_object_storage, is_remote
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sources.files import BrokenFile, LandedFile, list_files
from cdp_resources.sources.readers import ERRORS, URL, broken_file, read
from cdp_resources.sql import literal, quote

OWN_COLUMNS = {
    "_day": "DATE",
    "_extracted_at": "TIMESTAMP WITH TIME ZONE",
    "_extract_id": "VARCHAR",
    "_source_file": "VARCHAR",
    "_error": "VARCHAR",
    "_line": "VARCHAR",
}
ROW_DAY = "_cdp_day"
OWN_DESCRIPTIONS = {
    "_day": "Partition: the day of the file",
    "_extracted_at": "When the row was loaded (UTC)",
    "_extract_id": "The load of one file that brought the row; see raw.extracts",
    "_source_file": "The file, below the landing folder",
    "_error": "Why the line could not be read; such rows go to standardized.quarantine",
    "_line": "The line itself, where it could not be read",
}


def raw_asset(model: Model, source: Source, name: str, stream: Stream) -> dg.AssetsDefinition:
    """The asset of one stream."""
    table = f"raw.{source.name}__{name}"

    @dg.asset(
        key=table.split("."),
        deps=[["pulls", f"{source.name}__{name}"]] if name in source.pulls else None,
        description=f"{stream.description}\n\nFrom {source.description.rstrip('.')}, files `{stream.files}`. "
        "Append-only, every field kept as text, one row for each extracted row; no file is loaded twice, and a "
        "file rewritten in place is loaded again beside its first version.",
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                "files_are_as_declared",
                asset=table.split("."),
                description="The files just loaded have rows and every declared column, and each line could be read",
            )
        ],
        pool="lake",
        kinds={"duckdb", stream.format},
        owners=[source.owner] if source.owner else None,
        code_version=None,
    )
    def raw_stream(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        days, landing = days_of(context), landing_of(model.company)
        files = [
            file
            for file in list_files(landing, stream.files, model.company.start_date)
            if stream.day or file.day in days
        ]
        with lake.transaction(f"{table} {min(days)}..{max(days)}") as con:
            if is_remote(landing):
                allow_object_storage(con)
            try:
                extracts = new_extracts(con, table, files, days, many_days=stream.day is not None)
                loaded = load(con, table, extracts, stream, model.company, frozen=source.schema_ == "freeze")
            except (BrokenFile, UndeclaredColumns) as refused:
                raise dg.Failure(str(refused)) from refused
            except duckdb.Error as error:
                raise _failure(error, stream, landing, files) from error
            for warning in [*loaded.warnings, *_news(loaded)]:
                context.log.warning(warning)
            return dg.MaterializeResult(
                metadata=_metadata(con, table, stream, files, loaded), check_results=[_as_declared(loaded)]
            )

    return raw_stream


class Loaded:
    """What one materialization loaded."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.unreadable = 0
        self.warnings: list[str] = []
        self.new_columns: list[str] = []


def load(
    con: duckdb.DuckDBPyConnection,
    table: str,
    extracts: list[Extract],
    stream: Stream,
    company: CompanySettings,
    frozen: bool = False,
) -> Loaded:
    """Append the rows of new files to ``table``, adding columns that are new, and record the extracts.

    Raises ``UndeclaredColumns`` for columns that are not declared, where the schema is ``frozen``.
    """
    loaded = Loaded()
    known = columns_of_table(con, table)
    before = latest_extract(con, table)
    ensure_columns(con, table, stream.columns)
    by_file = {extract.file: extract for extract in extracts}
    con.execute(
        "CREATE OR REPLACE TEMP TABLE loading (url VARCHAR, extract_id VARCHAR, file VARCHAR, day DATE, own_day BOOL)"
    )
    if extracts:
        con.executemany(
            "INSERT INTO loading VALUES (?, ?, ?, ?, ?)",
            [(e.file.url, e.extract_id, e.file.name, day, day == e.file.day) for e in extracts for day in e.days],
        )
    for batch in read(con, list(by_file), stream):
        if not stream.collect:  # the collector writes the fields that were sent: a few calls lack most of them
            loaded.warnings += missing_columns(batch.files, batch.columns, stream)
        undeclared = undeclared_columns(batch.columns, stream)
        if frozen and undeclared:
            raise UndeclaredColumns(batch.files[0].name, undeclared, stream)
        new = {stored_name(column): None for column in undeclared if stored_name(column).lower() not in known}
        loaded.new_columns += [column for column in new if known and column not in loaded.new_columns]
        ensure_columns(con, table, map(stored_name, batch.columns))
        names = "".join(f"rows.{quote(name)} AS {quote(stored_name(name))}, " for name in batch.columns)
        day = f", {_day_expression(stream, company)} AS {ROW_DAY}" if stream.day else ""
        con.execute(f"""
            INSERT INTO {CATALOG}.{table} BY NAME
            SELECT {names} loading.day AS _day, now() AS _extracted_at,
                   loading.extract_id AS _extract_id, loading.file AS _source_file
            FROM (SELECT *{day} FROM ({batch.query})) AS rows
            JOIN loading ON loading.url = rows.{URL} {f"AND loading.day = rows.{ROW_DAY}" if day else ""}
        """)
    con.execute(f"""
        INSERT INTO {CATALOG}.{table} BY NAME
        SELECT loading.day AS _day, now() AS _extracted_at, loading.extract_id AS _extract_id,
               loading.file AS _source_file, reason AS _error, line AS _line
        FROM {ERRORS} JOIN loading USING (url) WHERE own_day
    """)
    kinds = [shares_of_kinds(con, table, stream.columns, ids) for ids in (before, [e.extract_id for e in extracts])]
    loaded.warnings += retyped_columns(*kinds)
    counted = con.execute(f"""
        SELECT _extract_id, count(*), count(_error) FROM {CATALOG}.{table}
        WHERE _extract_id IN (SELECT extract_id FROM loading) GROUP BY ALL
    """).fetchall()
    for extract_id, rows, unreadable in counted:
        loaded.rows[extract_id] = rows
        loaded.unreadable += unreadable
    loaded.warnings += [f"{e.file.name} is empty: no rows" for e in extracts if not loaded.rows[e.extract_id]]
    record_extracts(con, table, extracts, loaded.rows)
    return loaded


def stored_name(column: str) -> str:
    """The raw column that keeps a column of a file: its own name, longer by an underscore when it is one of ours."""
    return f"{column}_" if column.lower() in OWN_COLUMNS else column


def _day_expression(stream: Stream, company: CompanySettings) -> str:
    assert stream.day
    first = f"DATE {literal(str(company.start_date))}"
    day = f"coalesce(greatest(TRY(({render(stream.day, stream.columns)})::DATE), {first}), {first})"
    return f"least({day}, DATE {literal(str(company.end_date))})" if company.end_date else day


def ensure_columns(con: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str]) -> None:
    """Create a raw table that is missing, and add the columns that it lacks."""
    own = ", ".join(f"{name} {kind}" for name, kind in OWN_COLUMNS.items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {CATALOG}.{table} ({own})")
    have = columns_of_table(con, table)
    for column in columns:
        if column.lower() not in have:
            con.execute(f"ALTER TABLE {CATALOG}.{table} ADD COLUMN {quote(column)} VARCHAR")


def columns_of_table(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Names of a raw table's columns in lower case; none when it was never made."""
    if not has_table(con, table):
        return set()
    return {name.lower() for name, *_ in con.execute(f"DESCRIBE {CATALOG}.{table}").fetchall()}


def _failure(error: duckdb.Error, stream: Stream, landing: str, files: list[LandedFile]) -> dg.Failure:
    """A failure that names the file, when it is a file's fault. The transaction that failed reads nothing more."""
    with duckdb.connect(":memory:") as con:
        if is_remote(landing):
            allow_object_storage(con)
        broken = broken_file(con, files, stream)
    why = f"{stream.files}: {str(error).splitlines()[0]}. Nothing was loaded; materialize again once mended"
    return dg.Failure(str(broken) if broken else why)


def _as_declared(loaded: Loaded) -> dg.AssetCheckResult:
    lines = [f"{loaded.unreadable:,} lines could not be read"] if loaded.unreadable else []
    return dg.AssetCheckResult(
        check_name="files_are_as_declared",
        passed=not loaded.warnings and not lines,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join([*lines, *loaded.warnings[:5], *_news(loaded)]) or "as declared",
        metadata={"unreadable_lines": loaded.unreadable, "warnings": len(loaded.warnings)},
    )


def _news(loaded: Loaded) -> list[str]:
    if not loaded.new_columns:
        return []
    return [f"columns that were never there before, and are kept: {', '.join(loaded.new_columns)}"]


def _metadata(
    con: duckdb.DuckDBPyConnection, table: str, stream: Stream, files: list[LandedFile], loaded: Loaded
) -> dict[str, Any]:
    descriptions = {name: stream.column(name).description for name in stream.columns} | OWN_DESCRIPTIONS
    pii = [name for name in stream.columns if stream.column(name).pii] + ["_line"]
    return table_metadata(con, table, descriptions, pii) | {
        "files_found": len(files),
        "files_loaded": len(loaded.rows),
        "rows_loaded": loaded.rows.total(),
        "unreadable_lines": loaded.unreadable,
        "new_columns": len(loaded.new_columns),
        "warnings": dg.MetadataValue.md("\n".join(f"- {w}" for w in loaded.warnings[:20]) or "none"),
    }
