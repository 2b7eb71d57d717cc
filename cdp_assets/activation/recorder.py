"""Answers of destinations are recorded beside the sending, so that neither waits for the other. No Dagster."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from cdp_assets.activation.deliveries import PendingRow
from cdp_resources.destinations.base import Outcome

Answered = tuple[PendingRow, Outcome]


class Recorder:
    """Writes answers while others are awaited: as many at a time as have come since the last commit.

    A destination that takes its time has a commit for each batch; a fast one does not wait for the lake. What is lost
    when the process dies was announced, and is sent again under the same ids.
    """

    def __init__(self, record: Callable[[Sequence[Answered]], None]) -> None:
        self._record, self._pool = record, ThreadPoolExecutor(1)
        self._waiting: list[Answered] = []
        self._at_work: Future[None] | None = None

    def add(self, answers: Sequence[Answered]) -> None:
        """Write these soon. Raises what went wrong with earlier ones."""
        self._waiting += answers
        if self._at_work is None or self._at_work.done():
            self._finish()
            self._at_work = self._pool.submit(self._record, self._waiting)
            self._waiting = []

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._pool:
            self._finish()
            if self._waiting:
                self._record(self._waiting)

    def _finish(self) -> None:
        done, self._at_work = self._at_work, None
        if done:
            done.result()
