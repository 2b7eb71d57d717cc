"""Files in the landing folder while they are written: appended durably, then given the name that the sensor sees.

A file is named `.<name>.part` until it is whole, which no pattern of a stream matches. Its writer holds a lock on it,
so that a part without a lock is what a killed process left.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

MODE = 0o640


class PartFile:
    """One file being written. ``size``: bytes that are on the disk."""

    def __init__(self, final: Path) -> None:
        """Create it. Raises ``OSError``, as every method does when the disk is full or gone."""
        self.final = final
        self.part = final.with_name(f".{final.name}.part")
        self.size = 0
        make_folder(final.parent)
        self._descriptor = os.open(self.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            sync_folder(final.parent)
        except OSError:
            self.abandon()
            raise

    def append(self, data: bytes) -> None:
        """Add lines; they have survived a power cut when this returns."""
        left = memoryview(data)
        while left:
            left = left[self.write(self._descriptor, left) :]
        self.sync(self._descriptor)
        self.size += len(data)

    def write(self, descriptor: int, data: memoryview) -> int:
        """How bytes are written: what a test of a full disk replaces."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """How bytes are made durable: what a test of a failing disk replaces."""
        os.fsync(descriptor)

    def publish(self) -> None:
        """Give it its final name; an empty file goes."""
        finish(self.part, self.size)
        os.close(self._descriptor)

    def abandon(self) -> None:
        """Leave it to `recover`, without what was not acknowledged where the disk allows that."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, self.size)
        os.close(self._descriptor)


def recover(folder: Path) -> list[Path]:
    """Finish the parts in ``folder`` that nobody writes to any more, and return their final paths.

    They end after their last whole line: a torn one was never acknowledged.
    """
    found = []
    for part in sorted(folder.glob(".*.ndjson.part")):
        with suppress(FileNotFoundError), part.open("rb+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            size = _end_of_last_line(file.fileno())
            file.truncate(size)
            os.fsync(file.fileno())
            found += finish(part, size)
    return found


def finish(part: Path, size: int) -> list[Path]:
    """Rename a part to its final name, or remove it when it is empty; durably."""
    final = part.with_name(part.name.removeprefix(".").removesuffix(".part"))
    if size:
        part.rename(final)
    else:
        part.unlink()
    sync_folder(part.parent)
    return [final] if size else []


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_of_last_line(descriptor: int) -> int:
    end, chunk = os.fstat(descriptor).st_size, 1 << 16
    while end:
        start = max(0, end - chunk)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
