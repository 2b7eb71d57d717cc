"""SQL that reads extract files as text columns, one reader a format, and the lines that no reader can read.

Every reader gives a relation with the file's own columns as VARCHAR (nested values as JSON text), and ``URL``.
"""

import codecs
import csv
import glob
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb
import fsspec

from cdp_model.collecting import REFUSED, REFUSED_LINE
from cdp_model.sources import CsvOptions, Stream
from cdp_resources.sources.files import BrokenFile, LandedFile
from cdp_resources.sql import literal, quote

MAX_LINE_BYTES = 64 << 20
ERRORS = "unreadable_lines"
URL = "_cdp_url"
"""Column with the file of a row; no source has one of this name."""


@dataclass(frozen=True)
class Batch:
    """Files that one scan reads together: they have the same columns."""

    files: list[LandedFile]
    columns: list[str]
    query: str


Reader = Callable[[duckdb.DuckDBPyConnection, list[LandedFile], Stream], Iterator[Batch]]


def read(con: duckdb.DuckDBPyConnection, files: list[LandedFile], stream: Stream) -> Iterator[Batch]:
    """Scans for all files. Consume each batch's query before asking for the next.

    Lines that can't be read go to the temporary table ``unreadable_lines`` (url, line, reason), which is complete
    when the iterator is exhausted. Raises ``BrokenFile`` for a file that can't be read at all.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {ERRORS} (url VARCHAR, line VARCHAR, reason VARCHAR)")
    with_bytes = [file for file in files if file.size > 0]
    if with_bytes:
        yield from READERS[stream.format](con, with_bytes, stream)


def broken_file(con: duckdb.DuckDBPyConnection, files: list[LandedFile], stream: Stream) -> BrokenFile | None:
    """The first file that can't be read, if any: read one by one, since a scan of many does not say which it was."""
    for file in files:
        try:
            for batch in read(con, [file], stream):
                con.execute(f"CREATE OR REPLACE TEMP TABLE trial AS {batch.query}")
        except BrokenFile as broken:
            return broken
        except duckdb.Error as error:
            return BrokenFile(file.name, _reason(error))
    return None


def _reason(error: duckdb.Error) -> str:
    reason = str(error).splitlines()[0].rstrip(". ")
    if "state machine" in reason:
        return "its lines end in different ways (\\r\\n, \\n or \\r), or a value has a line break but no quotes"
    return reason


def _read_csv(con: duckdb.DuckDBPyConnection, files: list[LandedFile], stream: Stream) -> Iterator[Batch]:
    headers = {file: _header(file, stream.csv) for file in files}
    with_header = [file for file in files if headers[file]]
    for names, group in groupby(sorted(with_header, key=lambda f: (headers[f], f.name)), key=headers.__getitem__):
        batch = list(group)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
        yield Batch(
            batch,
            list(names),
            f"""
            SELECT * FROM read_csv({_urls(batch)}, columns = {{{columns}}}, auto_detect = false, header = true,
                delim = {literal(stream.csv.delimiter)}, quote = {literal(stream.csv.quote)},
                escape = {literal(stream.csv.quote)}, encoding = {literal(stream.csv.encoding)},
                hive_partitioning = false, max_line_size = {MAX_LINE_BYTES}, filename = '{URL}',
                store_rejects = true, rejects_limit = 0)
            """,
        )
        _keep_rejects(con)


def _keep_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """Move the lines that DuckDB's last scan of text could not take to the errors, each with all that is wrong."""
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT file_path, any_value(csv_line), string_agg(message, '; ' ORDER BY message)
        FROM (SELECT scan_id, file_path, line, any_value(csv_line) AS csv_line,
                  CASE error_type WHEN 'TOO MANY COLUMNS' THEN max_by(error_message, coalesce(column_idx, 0))
                      ELSE min_by(error_message, coalesce(column_idx, 0)) END AS message  -- one a column
              FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
              GROUP BY scan_id, file_path, line, error_type)
        GROUP BY scan_id, file_path, line
    """)
    con.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")


def _header(file: LandedFile, options: CsvOptions) -> tuple[str, ...]:
    """Column names of a CSV file's first line; none when the file is empty. Raises ``BrokenFile`` for no header."""
    with fsspec.open(file.url, "rb", compression="gzip" if file.name.endswith(".gz") else None) as stream:
        if options.encoding == "utf-16" and stream.read(2) == codecs.BOM_UTF16_BE:
            raise BrokenFile(file.name, "UTF-16 is read with the low byte first only; write the file as UTF-8")
        stream.seek(0)
        encoding = "utf-8-sig" if options.encoding == "utf-8" else options.encoding
        try:
            text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
            names = next(csv.reader(text, _dialect(options)), [])
        except (csv.Error, UnicodeError) as error:
            raise BrokenFile(file.name, f"the header can't be read ({error})") from error
    if any("\ufffd" in name for name in names):
        raise BrokenFile(file.name, f"the header is not {options.encoding}; set `csv.encoding`")
    lowered = [name.lower() for name in names]
    if "" in lowered or len(set(lowered)) < len(lowered):
        raise BrokenFile(file.name, "the header has an empty or a repeated column name; is `csv.delimiter` right?")
    return tuple(names)


def _dialect(options: CsvOptions) -> type[csv.Dialect]:
    class Declared(csv.excel):
        delimiter = options.delimiter
        quotechar = options.quote or None
        quoting = csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE

    return Declared


def _read_ndjson(con: duckdb.DuckDBPyConnection, files: list[LandedFile], stream: Stream) -> Iterator[Batch]:
    objects = _lines(files, "ignore_errors = true")
    if stream.collect:
        con.execute(f"""
            INSERT INTO {ERRORS} SELECT {URL}, json ->> {literal(REFUSED_LINE)}, json ->> {literal(REFUSED)}
            FROM {objects} WHERE json_exists(json, {literal(REFUSED)})
        """)
        objects = f"(FROM {objects} WHERE NOT coalesce(json_exists(json, {literal(REFUSED)}), false))"
    yield _json_batch(con, files, objects)
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT {URL}, line, CASE WHEN json IS NULL THEN 'not valid JSON' ELSE 'not a JSON object' END
        FROM {_lines(files, "store_rejects = true, rejects_limit = 0")}
        WHERE trim(line) <> '' AND json_type(json) IS DISTINCT FROM 'OBJECT'
    """)
    _keep_rejects(con)


def _lines(files: list[LandedFile], on_error: str) -> str:
    """A relation of lines. DuckDB's own reader of NDJSON loses the first line of a file with a byte order mark."""
    return f"""(
        SELECT TRY_CAST(line AS JSON) AS json, line, {URL}
        FROM read_csv({_urls(files)}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, delim = '',
            quote = '', escape = '', strict_mode = false, hive_partitioning = false,
            max_line_size = {MAX_LINE_BYTES}, filename = '{URL}', {on_error})
    )"""


def _read_json(con: duckdb.DuckDBPyConnection, files: list[LandedFile], _stream: Stream) -> Iterator[Batch]:
    objects = f"""read_json_objects({_urls(files)}, format = 'array', hive_partitioning = false, filename = '{URL}',
        maximum_object_size = {MAX_LINE_BYTES})"""
    yield _json_batch(con, files, objects)
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT {URL}, json::VARCHAR, 'not a JSON object' FROM {objects} WHERE json_type(json) <> 'OBJECT'
    """)


def _json_batch(con: duckdb.DuckDBPyConnection, files: list[LandedFile], objects: str) -> Batch:
    """Top-level keys become columns: one scan finds them, one more takes the values apart.

    Tables have one column a name whatever its case, so that keys which differ only by case share a column.
    """
    keys = con.execute(f"""
        SELECT DISTINCT unnest(json_keys(json)) AS key FROM {objects} WHERE json_type(json) = 'OBJECT' ORDER BY key
    """).fetchall()
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for (key,) in keys:
        if key:
            spellings[key.lower()].append(key)
    once = [names[0] for names in spellings.values() if len(names) == 1]
    values = [
        f"coalesce({', '.join(f'json ->> {literal(name)}' for name in names)}) AS {quote(names[0])}"
        for names in spellings.values()
        if len(names) > 1
    ]
    if once:
        shape = "{" + ", ".join(f'{_json_string(name)}: "VARCHAR"' for name in once) + "}"
        values.append(f"unnest(json_transform(json, {literal(shape)}))")
    return Batch(
        files,
        [names[0] for names in spellings.values()],
        f"SELECT {', '.join([*values, URL])} FROM {objects} WHERE json_type(json) = 'OBJECT'",
    )


def _read_parquet(con: duckdb.DuckDBPyConnection, files: list[LandedFile], _stream: Stream) -> Iterator[Batch]:
    schemas: dict[LandedFile, tuple[tuple[str, str], ...]] = {}
    for file in files:
        try:
            described = con.execute(f"DESCRIBE SELECT * EXCLUDE ({URL}) FROM {_parquet([file])}").fetchall()
        except duckdb.Error as error:
            raise BrokenFile(file.name, f"not a readable Parquet file ({str(error).splitlines()[0]})") from error
        schemas[file] = tuple((name, kind) for name, kind, *_ in described)
    for schema, group in groupby(sorted(files, key=lambda f: (schemas[f], f.name)), key=schemas.__getitem__):
        batch = list(group)
        selected = ", ".join(f"{_as_text(name, kind)} AS {quote(name)}" for name, kind in schema)
        yield Batch(
            batch,
            [name for name, _ in schema],
            f"SELECT {selected}, {URL} FROM {_parquet(batch)}",
        )


def _parquet(files: list[LandedFile]) -> str:
    return f"read_parquet({_urls(files)}, hive_partitioning = false, filename = '{URL}')"


def _as_text(name: str, kind: str) -> str:
    nested = kind.startswith(("STRUCT", "MAP")) or kind.endswith("]")
    return f"to_json({quote(name)})::VARCHAR" if nested else f"{quote(name)}::VARCHAR"


READERS: dict[str, Reader] = {
    "csv": _read_csv,
    "ndjson": _read_ndjson,
    "json": _read_json,
    "parquet": _read_parquet,
}


def _urls(files: Sequence[LandedFile]) -> str:
    """The files as a list of SQL strings; `*`, `?` and `[` in a name stand for themselves."""
    return "[" + ", ".join(literal(glob.escape(file.url)) for file in files) + "]"


def _json_string(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
