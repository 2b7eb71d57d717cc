"""Writing: one file a stream and day, the same bytes for the same rows, in each system's encoding."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .dirt import BAD_BYTE

Encode = Callable[[bytes], bytes]


def csv_line(columns: str, separator: str = ",") -> str:
    """SQL: one line of a delimited file, with its line end, of columns named in a text. Nulls are empty."""
    cells = f", '{separator}', ".join(f"quoted(({c})::VARCHAR, '{separator}')" for c in columns.split())
    return f"concat({cells}, chr(10))"


def plain_bytes(text: bytes) -> bytes:
    """UTF-8 as it is."""
    return text


def damaged_utf8(text: bytes) -> bytes:
    """UTF-8 with one invalid byte wherever a row was marked for it."""
    return text.replace(BAD_BYTE.encode(), b"\xfc")


def latin1(text: bytes) -> bytes:
    """ISO-8859-1; what it cannot express becomes a question mark, as in the tills."""
    return text.decode().encode("latin-1", errors="replace")


def gzipped(text: bytes) -> bytes:
    """Gzip without a time stamp, so equal lines give equal files."""
    packer = zlib.compressobj(level=1, wbits=31)
    return packer.compress(text) + packer.flush()


def json_array(text: bytes) -> bytes:
    """Objects each followed by a comma and a line end, as one JSON array."""
    return b"[\n" + text.removesuffix(b",\n") + b"\n]\n"


@dataclass
class Landing:
    """The landing folder and the batch of days being written; counts rows by stream."""

    folder: Path
    start: date
    first: int = 0
    last: int = 0
    rows: dict[str, int] = field(default_factory=dict)

    def _days(self, days: pa.ChunkedArray) -> Iterator[tuple[int, int, int]]:
        """(day, from, to) row ranges of a column of days in ascending order."""
        values = days.to_numpy()
        for day in range(self.first, self.last + 1):
            yield day, int(np.searchsorted(values, day)), int(np.searchsorted(values, day, side="right"))

    def _path(self, stream: str, day: int, suffix: str) -> Path:
        path = self.folder / stream / f"{self.start + timedelta(days=day)}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_lines(
        self,
        rows: duckdb.DuckDBPyConnection,
        stream: str,
        suffix: str,
        encode: Encode = plain_bytes,
        header: str = "",
        on_days_off: bool = True,
    ) -> None:
        """Rows (day, line), in order of day; every day of the batch gets a file, ``on_days_off`` without rows too."""
        table = rows.to_arrow_table()
        lines = pa.concat_arrays(table["line"].cast(pa.large_string()).chunks or [pa.array([], pa.large_string())])
        offsets = np.frombuffer(lines.buffers()[1], np.int64)[lines.offset :] if len(lines) else np.zeros(1, np.int64)
        text = memoryview(lines.buffers()[2]) if len(lines) else memoryview(b"")
        for day, begin, end in self._days(table["day"]):
            if begin == end and not on_days_off:
                continue
            body = bytes(text[offsets[begin] : offsets[end]])
            self._path(stream, day, suffix).write_bytes(encode(header.encode() + body))
            self.rows[stream] = self.rows.get(stream, 0) + end - begin

    def write_parquet(self, rows: duckdb.DuckDBPyConnection, stream: str) -> None:
        """Rows with a first column `day`, in its order; the files hold the other columns."""
        table = rows.to_arrow_table()
        columns = table.drop_columns("day")
        for day, begin, end in self._days(table["day"]):
            part = columns.slice(begin, end - begin).combine_chunks()
            pq.write_table(part, self._path(stream, day, "parquet"), compression="zstd")
            self.rows[stream] = self.rows.get(stream, 0) + end - begin
