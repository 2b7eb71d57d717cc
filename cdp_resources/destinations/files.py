"""Files of changes in a folder, an object store or on an SFTP server, for destinations that fetch them there.

The name of a file follows from what is in it: the same changes sent again replace the file that a crash may have left,
and never stand beside it.
"""

import csv
import datetime as dt
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import Field

from cdp_model.declared import Variable
from cdp_model.syncs import STATES
from cdp_resources.destinations.base import EVENTS, Destination, Outcome, Row, change_of, message_id
from cdp_resources.destinations.storage import Puts, Storage, is_outage
from cdp_resources.environment import expand, secret
from cdp_resources.sql import literal, quote


class Files(Destination):
    """Files of changes in a folder, an object store or on an SFTP server: one file a batch."""

    type: Literal["file"]
    folder: str = Field(
        description="Folder, or URL such as `s3://bucket/folder` or `sftp://user@host/folder`. "
        "`${VARIABLE:-default}` is expanded"
    )
    password_env: Variable | None = Field(
        default=None,
        description="Name of the variable with the password of the SFTP user; without it, keys of `~/.ssh`",
    )
    format: Literal["csv", "ndjson", "parquet"] = Field(
        default="csv", description="ndjson: one object a line, with `change`, `key` and `fields`"
    )
    batch_size: int = Field(default=50_000, ge=1, description="Rows a file")

    def connect(self, sync: str, types: Mapping[str, str], as_of: dt.date | None) -> "ChangeFiles":
        """Find the storage."""
        return ChangeFiles(self, sync, types, as_of)

    def supported_modes(self) -> tuple[str, ...]:
        """All: whoever reads the changes knows what to do with them."""
        return (*STATES, "append_events")

    def asset_kinds(self) -> set[str]:
        """The format, and the storage where it is a known one."""
        storage = {"s3"} if self.folder.startswith("s3://") else set()
        return {{"csv": "csv", "ndjson": "json", "parquet": "parquet"}[self.format]} | storage


class ChangeFiles:
    """One file a batch, `<folder>/<sync>/<sync>-<as of>-<id>.<format>`, with the columns change, key and the fields."""

    def __init__(self, settings: Files, sync: str, types: Mapping[str, str], as_of: dt.date | None = None) -> None:
        self.batch_size = settings.batch_size
        self.concurrency = 1
        self._sync = sync
        self._types = types
        self._as_of = str(as_of or "undated")
        self._format = settings.format
        password = secret(settings.password_env, "the password of the SFTP user") if settings.password_env else None
        self.folder = settings.folder
        self.storage: Puts = Storage(expand(settings.folder), password)

    def send(self, batch: Sequence[Row]) -> list[Outcome]:
        """Write the rows to one file; the file's place is the acknowledgement."""
        if not batch:
            return []
        message = message_id(batch)
        name = f"{self._sync}-{self._as_of}-{message.removeprefix('msg_')}.{self._format}"
        content = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}[self._format](batch, self._types)
        try:
            self.storage.put(self._sync, name, content)
        except Exception as error:
            if not is_outage(error):
                raise
            return [Outcome("retry_later", type(error).__name__, message)] * len(batch)
        return [Outcome("acknowledged", "", message)] * len(batch)

    def close(self) -> None:
        """Close the connection to the storage."""
        self.storage.close()


def _csv(batch: Sequence[Row], types: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    about = _about(batch)
    writer.writerow([*about, *types])
    for row in batch:
        told = change_of(row)
        writer.writerow([*(told[name] for name in about), *(_cell(row.fields.get(name)) for name in types)])
    return text.getvalue().encode()


def _ndjson(batch: Sequence[Row], _: Mapping[str, str]) -> bytes:
    lines = (change_of(row) for row in batch)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _parquet(batch: Sequence[Row], types: Mapping[str, str]) -> bytes:
    """With the types that the fields have in the profile, so that every file has the same."""
    columns = "".join(f", fields.{quote(name)}" for name in types)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        lines, made = Path(folder) / "lines.ndjson", Path(folder) / "made.parquet"
        lines.write_bytes(_ndjson(batch, types))
        about, about_types = ", ".join(_about(batch)), ", ".join(f"{name}: 'VARCHAR'" for name in _about(batch))
        struct = ", ".join(f"{quote(name)} {kind}" for name, kind in types.items())
        con.execute(f"""
            COPY (SELECT {about} {columns} FROM read_json({literal(str(lines))}, format = 'newline_delimited',
                columns = {{{about_types}, fields: {literal(f"STRUCT({struct})")}}}))
            TO {literal(str(made))} (FORMAT parquet)
        """)
        return made.read_bytes()


def _about(batch: Sequence[Row]) -> tuple[str, ...]:
    """Columns before the fields: events also have an id, by which a reader knows one that it has read before."""
    return ("change", "key", "id") if batch and batch[0].change in EVENTS else ("change", "key")


def _cell(value: Any) -> str:
    """A value as text: null is empty, true and false are words, lists and structures are JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
