"""SQL that reads extract files as text columns, one reader a format, and the lines that no reader can read.

Every reader gives a relation with the file's own columns as VARCHAR (nested values as JSON text), and ``_url``.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb
import fsspec

from cdp_model.model import CsvOptions, Stream
from cdp_resources.lake import literal, quote
from cdp_resources.sources.files import BrokenFile, LandedFile

MAX_LINE_BYTES = 64 << 20
ERRORS = "unreadable_lines"


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


def _read_csv(con: duckdb.DuckDBPyConnection, files: list[LandedFile], stream: Stream) -> Iterator[Batch]:
    headers = {file: _header(file, stream.csv) for file in files}
    for names, group in groupby(sorted(files, key=lambda f: (headers[f], f.name)), key=headers.__getitem__):
        batch = list(group)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
        yield Batch(
            batch,
            list(names),
            f"""
            SELECT * FROM read_csv({_urls(batch)}, columns = {{{columns}}}, auto_detect = false, header = true,
                delim = {literal(stream.csv.delimiter)}, quote = {literal(stream.csv.quote)},
                escape = {literal(stream.csv.quote)}, encoding = {literal(stream.csv.encoding)},
                max_line_size = {MAX_LINE_BYTES}, filename = '_url', store_rejects = true, rejects_limit = 0)
            """,
        )
        con.execute(f"""
            INSERT INTO {ERRORS}
            SELECT file_path, any_value(csv_line), string_agg(DISTINCT error_message, '; ' ORDER BY error_message)
            FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY scan_id, file_path, line
        """)
        con.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")


def _header(file: LandedFile, options: CsvOptions) -> tuple[str, ...]:
    """Column names of a CSV file's first line. Raises ``BrokenFile`` when it can't be a header."""
    with fsspec.open(file.url, "rb", compression="gzip" if file.name.endswith(".gz") else None) as stream:
        encoding = "utf-8-sig" if options.encoding == "utf-8" else options.encoding
        try:
            text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
            names = next(csv.reader(text, delimiter=options.delimiter, quotechar=options.quote or None), [])
        except (csv.Error, UnicodeError) as error:
            raise BrokenFile(file.name, f"the header can't be read ({error})") from error
    if any("\ufffd" in name for name in names):
        raise BrokenFile(file.name, f"the header is not {options.encoding}; set `csv.encoding`")
    lowered = [name.lower() for name in names]
    if "" in lowered or len(set(lowered)) < len(lowered):
        raise BrokenFile(file.name, "the header has an empty or a repeated column name; is `csv.delimiter` right?")
    return tuple(names)


def _read_ndjson(con: duckdb.DuckDBPyConnection, files: list[LandedFile], _stream: Stream) -> Iterator[Batch]:
    objects = f"read_ndjson_objects({_urls(files)}, ignore_errors = true, filename = '_url', {_JSON_OPTIONS})"
    yield _json_batch(con, files, objects)
    bad = con.execute(
        f"SELECT DISTINCT _url FROM {objects} WHERE json IS NULL OR json_type(json) <> 'OBJECT'"
    ).fetchall()
    for (url,) in bad:
        _collect_bad_lines(con, url)


def _collect_bad_lines(con: duckdb.DuckDBPyConnection, url: str) -> None:
    """Read a file again as plain lines, and keep those that are not one JSON object."""
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT {literal(url)}, line, CASE WHEN json_valid(line) THEN 'not a JSON object' ELSE 'not valid JSON' END
        FROM read_csv({literal(url)}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, delim = '',
            quote = '', escape = '', max_line_size = {MAX_LINE_BYTES}, strict_mode = false, store_rejects = true,
            rejects_limit = 0)
        WHERE trim(line) <> '' AND (TRY(json_type(line)) IS DISTINCT FROM 'OBJECT')
    """)
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT DISTINCT file_path, csv_line, error_message FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
    """)
    con.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")


def _read_json(con: duckdb.DuckDBPyConnection, files: list[LandedFile], _stream: Stream) -> Iterator[Batch]:
    objects = f"read_json_objects({_urls(files)}, format = 'array', filename = '_url', {_JSON_OPTIONS})"
    yield _json_batch(con, files, objects)
    con.execute(f"""
        INSERT INTO {ERRORS}
        SELECT _url, json::VARCHAR, 'not a JSON object' FROM {objects} WHERE json_type(json) <> 'OBJECT'
    """)


_JSON_OPTIONS = f"maximum_object_size = {MAX_LINE_BYTES}"


def _json_batch(con: duckdb.DuckDBPyConnection, files: list[LandedFile], objects: str) -> Batch:
    """Top-level keys become columns: one scan finds them, one more takes the values apart."""
    keys = con.execute(f"""
        SELECT DISTINCT unnest(json_keys(json)) AS key FROM {objects} WHERE json_type(json) = 'OBJECT' ORDER BY key
    """).fetchall()
    names = _distinct_ignoring_case([key for (key,) in keys if key])
    if not names:
        return Batch(files, [], f"SELECT _url FROM {objects} WHERE false")
    shape = "{" + ", ".join(f'{_json_string(name)}: "VARCHAR"' for name in names) + "}"
    return Batch(
        files,
        names,
        f"""
        SELECT unnest(json_transform(json, {literal(shape)})), _url
        FROM {objects} WHERE json_type(json) = 'OBJECT'
        """,
    )


def _read_parquet(con: duckdb.DuckDBPyConnection, files: list[LandedFile], _stream: Stream) -> Iterator[Batch]:
    schemas: dict[LandedFile, tuple[tuple[str, str], ...]] = {}
    for file in files:
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(file.url)})").fetchall()
        except duckdb.Error as error:
            raise BrokenFile(file.name, f"not a readable Parquet file ({str(error).splitlines()[0]})") from error
        schemas[file] = tuple((name, kind) for name, kind, *_ in described)
    for schema, group in groupby(sorted(files, key=lambda f: (schemas[f], f.name)), key=schemas.__getitem__):
        batch = list(group)
        selected = ", ".join(f"{_as_text(name, kind)} AS {quote(name)}" for name, kind in schema)
        yield Batch(
            batch,
            [name for name, _ in schema],
            f"SELECT {selected}, _url FROM read_parquet({_urls(batch)}, filename = '_url')",
        )


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
    return "[" + ", ".join(literal(file.url) for file in files) + "]"


def _json_string(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _distinct_ignoring_case(names: list[str]) -> list[str]:
    """Tables have one column a name whatever its case; the first spelling in order is kept."""
    return list({name.lower(): name for name in reversed(names)}.values())[::-1]
