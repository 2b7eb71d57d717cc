"""Pulled files in the landing folder: named by day and moment, whole or not there, each with the cursor it ends at.

The cursor of the newest file that landed is where the next pull starts. It stands beside its file, and counts only
while the file is there or was loaded: it never gets ahead of rows that did not arrive.
"""

import datetime as dt
import gzip
import json
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from cdp_model.pulls import PULLED, Endpoint, Table
from cdp_model.sources import Source, Stream
from cdp_resources.sources import api, database
from cdp_resources.sources.cursor import Cursor, cursor_from, lag_of
from cdp_resources.sources.failures import PullFailed

STATE = ".cursor.json"


@dataclass(frozen=True)
class Pulled:
    """What one pull brought. ``file`` is below the landing folder; none when there was nothing new."""

    rows: int = 0
    file: str | None = None
    cursor: Any = None
    warnings: tuple[str, ...] = ()


def pull_rows(source: Source, name: str, stream: Stream, landing: str, day: dt.date, loaded: Collection[str]) -> Pulled:
    """Land the new rows of an endpoint or a table as one file of ``day``, or nothing. Raises ``PullFailed``.

    ``loaded``: names of the files that are in the lake, whether or not they are still in the landing folder.
    """
    state = newest_state(landing, f"{PULLED}/{source.name}/{name}", loaded)
    cursor = start_of(stream, state)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.ndjson.gz"
        rows = write_rows(path, asked(source, stream, cursor), stream, cursor)
        file = f"{PULLED}/{source.name}/{name}/{day}.{cursor.now:%Y%m%dT%H%M%S%f}Z.ndjson.gz" if rows else None
        if file:
            land(landing, file, path, json.dumps(cursor.state()))
    return Pulled(rows, file, cursor.value, tuple(_oddities(stream, cursor, rows, state is not None)))


def asked(source: Source, stream: Stream, cursor: Cursor) -> Iterable[dict[str, Any]]:
    """The rows of a stream, as the source gives them."""
    if stream.endpoint and source.api:
        return api.rows_of_endpoint(source.api, stream.endpoint, cursor)
    assert stream.table
    assert source.database
    return database.rows_of_table(source.database, stream.table, cursor)


def start_of(stream: Stream, state: str | None) -> Cursor:
    """Where the next pull of a stream starts."""
    declared = stream.asked.incremental if isinstance(stream.asked, Endpoint | Table) else None
    if declared is None:
        return Cursor()
    return cursor_from(state, declared.initial_value, lag_of(declared.lag))


def write_rows(
    path: Path, rows: Iterable[dict[str, Any]], stream: Stream, cursor: Cursor, most: int | None = None
) -> int:
    """Write rows that did not land before, one JSON object a line; returns their number, at most ``most``."""
    from dlt.common import json as dlt_json

    incremental = stream.asked.incremental if isinstance(stream.asked, Endpoint | Table) else None
    key = getattr(incremental, "cursor_path", None) or getattr(incremental, "column", None)
    written = 0
    with gzip.GzipFile(path, "wb", compresslevel=3, mtime=0) as file:
        for row in rows:
            line = dlt_json.dumpb(row)
            if key and not _is_new(cursor, key, row, line):
                continue
            file.write(line + b"\n")
            written += 1
            if written == most:
                break
    return written


def _is_new(cursor: Cursor, key: str, row: dict[str, Any], line: bytes) -> bool:
    value: Any = row
    for part in [key] if key in row else key.removeprefix("$.").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dt.date):
        value = value.isoformat()
    elif value is not None and not isinstance(value, str | int | float | bool | list | dict):
        value = str(value)
    try:
        return cursor.is_new(value, line)
    except ValueError as error:
        raise PullFailed(f"a value of the cursor `{key}` {error}") from None


def _oddities(stream: Stream, cursor: Cursor, rows: int, pulled_before: bool) -> Iterable[str]:
    """What is not an error, and deserves a look."""
    incremental = stream.asked.incremental if isinstance(stream.asked, Endpoint | Table) else None
    if incremental is None:
        return
    if cursor.value is None and rows:
        yield "no row has a value of the cursor, so that every pull brings all rows: is its name right?"
    if pulled_before and not cursor.reached:
        yield (
            "the cursor has gone back: every row is older than the newest one that was pulled. Either that one was "
            f"deleted, or the source was put back to an older state; then delete the `*{STATE}` files of the stream in "
            "the landing folder, and the next pull brings all rows again"
        )
    if cursor.in_the_future:
        yield f"{cursor.in_the_future:,} rows have a cursor in the future: they are kept, the cursor stays before them"


def newest_state(landing: str, folder: str, loaded: Collection[str]) -> str | None:
    """The state that stands beside the newest file that arrived; none before the first pull."""
    storage, root = fsspec.core.url_to_fs(landing)
    storage.invalidate_cache()
    base = f"{root.rstrip('/')}/{folder}"
    if not storage.exists(base):
        return None
    names = {str(path).rsplit("/", 1)[-1] for path in storage.ls(base, detail=False)}
    states = [name for name in names if name.endswith(STATE)]
    for name in sorted(states, key=lambda name: name.split(".")[1], reverse=True):
        file = name.removesuffix(STATE)
        if file in names or f"{folder}/{file}" in loaded:
            return str(storage.cat_file(f"{base}/{name}").decode())
    return None


def land(landing: str, name: str, path: Path, state: str | None = None) -> None:
    """Put a whole file into the landing folder, its state before it: who sees the file can see where it ends."""
    storage, root = fsspec.core.url_to_fs(landing)
    target = f"{root.rstrip('/')}/{name}"
    storage.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
    if state is not None:
        storage.pipe_file(f"{target}{STATE}", state.encode())
    if "file" in storage.protocol:
        storage.put_file(str(path), f"{target}.part")
        Path(f"{target}.part").replace(target)
    else:  # object stores show a file when it is whole
        storage.put_file(str(path), target)
