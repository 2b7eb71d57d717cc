"""Files of changes in a folder or object store, for destinations that fetch them there.

A file appears whole or not at all. Its name follows from what is in it: the same changes sent again replace the file
that a crash may have left, and never stand beside it.
"""

import csv
import datetime as dt
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec

from cdp_model.syncs import FileDestination
from cdp_resources.destinations.base import Outcome, Row, message_id
from cdp_resources.environment import expand


class ChangeFiles:
    """One file a batch, `<folder>/<sync>/<sync>-<as of>-<id>.csv`, with the columns change, key and the fields."""

    def __init__(
        self, settings: FileDestination, sync: str, fields: Sequence[str], as_of: dt.date | None = None
    ) -> None:
        self.batch_size = settings.batch_size
        self._sync = sync
        self._fields = list(fields)
        self._as_of = str(as_of or "undated")
        self._format = settings.format
        # Not fsspec's cached connection: it would keep the credentials and endpoint of an earlier run.
        self._storage, root = fsspec.core.url_to_fs(expand(settings.folder), skip_instance_cache=True)
        self._folder = f"{root.rstrip('/')}/{sync}"

    def send(self, batch: Sequence[Row]) -> list[Outcome]:
        """Write the rows to one file; the file's place is the acknowledgement."""
        if not batch:
            return []
        message = message_id(batch)
        name = f"{self._sync}-{self._as_of}-{message.removeprefix('msg_')}.{self._format}"
        content = (self._csv(batch) if self._format == "csv" else _ndjson(batch)).encode()
        try:
            self._put(name, content)
        except Exception as error:
            if not _is_outage(error):
                raise
            return [Outcome("retry_later", type(error).__name__, message)] * len(batch)
        return [Outcome("acknowledged", "", message)] * len(batch)

    def close(self) -> None:
        """Nothing is kept open between files."""

    def _put(self, name: str, content: bytes) -> None:
        path = f"{self._folder}/{name}"
        if "file" not in self._protocols():
            self._storage.pipe_file(path, content)
            return
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    def _protocols(self) -> tuple[str, ...]:
        protocol = self._storage.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)

    def _csv(self, batch: Sequence[Row]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["change", "key", *self._fields])
        for row in batch:
            writer.writerow([row.change, row.key, *(_cell(row.fields.get(name)) for name in self._fields)])
        return text.getvalue()


def _ndjson(batch: Sequence[Row]) -> str:
    lines = ({"change": row.change, "key": row.key, "fields": row.fields} for row in batch)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _cell(value: Any) -> str:
    """A value as text: null is empty, true and false are words, lists and structures are JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_outage(error: Exception) -> bool:
    """Whether the storage could not be reached or refused, rather than our own mistake."""
    return isinstance(error, OSError) or type(error).__module__.startswith(("botocore", "aiobotocore", "aiohttp"))
