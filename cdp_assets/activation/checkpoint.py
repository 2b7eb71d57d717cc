"""A checkpoint after each batch: which changes were acknowledged, before that is committed to the lake.

A commit for each batch would be a snapshot and a file of the lake each time. So ids of changes, which say nothing about
anybody, are noted in a file of this machine until they are in the lake. A run that is killed leaves the file, and the
next one takes what it names for acknowledged instead of sending it again. Without the file, on another machine, they
are sent again under the same ids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import orjson
from filelock import FileLock, Timeout

from cdp_resources.destinations.base import Outcome, Row
from cdp_resources.environment import home


class Checkpoint:
    """The file of one sync."""

    def __init__(self, sync: str) -> None:
        folder = home() / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{sync}.ndjson"

    @contextmanager
    def alone(self, waits: Callable[[], None]) -> Iterator[None]:
        """As the only run of the sync on this machine; another one is waited for, after a call of ``waits``.

        Dagster's pools see to that too, where runs are of one instance. The kernel frees the lock of who is killed.
        """
        lock = FileLock(self._file.with_suffix(".lock"))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            waits()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def read(self) -> dict[str, str]:
        """Id of each change that a killed run saw acknowledged → id of the message."""
        told: dict[str, str] = {}
        for line in self._file.read_bytes().splitlines(keepends=True) if self._file.exists() else ():
            if line.endswith(b"\n"):  # the last one may not have been written to its end
                told |= orjson.loads(line)
        return told

    def add(self, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
        """Note those of a batch that were acknowledged. Survives the process, not the machine."""
        told = {
            row.idempotency_id: outcome.message_id
            for row, outcome in zip(rows, outcomes, strict=True)
            if outcome.status == "acknowledged"
        }
        if told:
            with self._file.open("ab", buffering=0) as file:
                file.write(_line(told))

    def keep(self, told: Mapping[str, str]) -> None:
        """Forget all but these: the others are in the lake, or half a line that a later one must not be added to."""
        if told:
            anew = self._file.with_suffix(".new")
            anew.write_bytes(_line(told))
            anew.replace(self._file)
        else:
            self._file.unlink(missing_ok=True)


def _line(told: Mapping[str, str]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
