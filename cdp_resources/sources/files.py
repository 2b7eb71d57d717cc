"""Extract files in a folder or object store: which there are, which day each belongs to, whether each is whole."""

import datetime as dt
import glob
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

CHUNK = 1 << 20


@dataclass(frozen=True)
class LandedFile:
    """One extract file. ``name`` is its path below the landing folder, ``url`` what DuckDB opens."""

    name: str
    url: str
    day: dt.date
    size: int
    modified: str


class BrokenFile(Exception):
    """A file that can't be read to its end; the message says which and what to do."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{name}: {why}. Nothing of it was loaded: put a whole file in its place and materialize the day again"
        )


def list_files(landing: str, pattern: str, undated_day: dt.date, storage: Any = None) -> list[LandedFile]:
    """The files below ``landing`` that match ``pattern``, by name.

    ``{date}`` in the pattern stands for YYYY-MM-DD and gives the file's day; a file of a pattern without it
    belongs to ``undated_day``. A name whose date is no day of the calendar does not match. ``storage``: the file
    system of another folder, whose path ``landing`` then is.
    Raises ``FileNotFoundError`` when the landing folder itself is missing.
    """
    storage, root = (storage, landing) if storage else fsspec.core.url_to_fs(landing)
    storage.invalidate_cache()  # object stores keep listings, and a sensor's process lives for weeks
    if not storage.exists(root):
        raise FileNotFoundError(
            f"the landing folder {landing} does not exist: create it, or set CDP_LANDING or `landing` in company.yaml"
        )
    wanted = "*".join(glob.escape(part) for part in re.split(r"(?:\{date\}|\*)+", pattern))
    found = storage.glob(f"{glob.escape(root.rstrip('/'))}/{wanted}", detail=True)
    matcher = _day_matcher(pattern)
    files = []
    for path, info in sorted(found.items()):
        name = path[len(root.rstrip("/")) + 1 :]
        match = matcher.fullmatch(name)
        day = _day(match.groupdict().get("date"), undated_day) if match else None
        if info.get("islink") and storage.exists(path):
            info = storage.info(str(Path(path).resolve()))  # of what is behind the link
        if day and info.get("type", "file") == "file":
            url = path if _is_local(storage) else storage.unstrip_protocol(path)
            files.append(LandedFile(name, url, day, int(info.get("size") or 0), _modified(info)))
    return files


def fingerprint(file: LandedFile) -> str:
    """SHA-256 of a file's bytes. Raises ``BrokenFile`` when it is gzip and ends too early or is damaged."""
    digest = hashlib.sha256()
    inflate: Any = zlib.decompressobj(wbits=31) if file.name.endswith(".gz") else None
    for chunk in _chunks(file.url):
        digest.update(chunk)
        try:
            while inflate and chunk:
                if inflate.eof:  # a gzip file may have several members
                    inflate = zlib.decompressobj(wbits=31)
                inflate.decompress(chunk)
                chunk = inflate.unused_data
        except zlib.error as error:
            raise BrokenFile(file.name, f"not a readable gzip file ({error})") from error
    if inflate and not inflate.eof:
        raise BrokenFile(file.name, "the gzip file ends before its end (truncated)")
    return digest.hexdigest()


def _chunks(url: str) -> Iterator[bytes]:
    with fsspec.open(url, "rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _day_matcher(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{date\}|\*)", pattern)
    translated = {"{date}": r"(?P=date)", "*": r"[^/]*"}
    expression = "".join(translated.get(part, re.escape(part)) for part in parts)
    return re.compile(expression.replace(r"(?P=date)", r"(?P<date>\d{4}-\d{2}-\d{2})", 1))


def _day(text: str | None, undated_day: dt.date) -> dt.date | None:
    if text is None:
        return undated_day
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _is_local(storage: Any) -> bool:
    return "file" in ([storage.protocol] if isinstance(storage.protocol, str) else storage.protocol)


def _modified(info: dict[str, Any]) -> str:
    return " ".join(str(info[key]) for key in ("mtime", "LastModified", "last_modified", "ETag") if info.get(key))
