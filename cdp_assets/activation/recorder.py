"""Answers of destinations are recorded beside the sending, so that neither waits for the other. No Dagster."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from types import TracebackType

from cdp_assets.activation.pending import Answers, Pending
from cdp_resources.destinations.base import in_parts

FIRST_ROWS, ANNOUNCED_ROWS = 10_000, 50_000
"""So many rows are announced before the first is sent, and so many at a time while others are sent."""

PAUSE_SECONDS, MANY_ROWS = 1.0, 25_000
"""Between commits, unless so many rows wait: each is a snapshot and a file of the lake."""


class Recorder:
    """Writes answers while others are awaited: as many at a time as have come since the last commit.

    A destination that takes its time has a commit for each batch; a fast one does not wait for the lake. Of what is not
    committed when the process dies, of a second or so, there is a `Checkpoint`, and it was announced.
    """

    def __init__(self, record: Callable[[Sequence[Answers]], None]) -> None:
        self._record, self._pool = record, ThreadPoolExecutor(1)
        self._waiting: list[Answers] = []
        self._at_work: Future[None] | None = None
        self._not_before = 0.0

    def add(self, answers: Answers) -> None:
        """Write these soon. Raises what went wrong with earlier ones."""
        self._waiting.append(answers)
        due = time.monotonic() >= self._not_before or sum(len(part) for part, _ in self._waiting) >= MANY_ROWS
        if due and (self._at_work is None or self._at_work.done()):
            self._finish()
            self._not_before = time.monotonic() + PAUSE_SECONDS
            self._at_work = self._pool.submit(self._record, self._waiting)
            self._waiting = []

    def rest(self) -> Sequence[Answers]:
        """Answers that are still to be written, by whoever asks, once the others are."""
        self._finish()
        rest, self._waiting = self._waiting, []
        return rest

    def announced(self, waves: Sequence[Pending], announce: Callable[[Sequence[Pending]], None]) -> Iterator[Pending]:
        """Waves one by one, each once it is announced; while some are sent, the next ones are announced."""
        first, size = (max(1, rows // len(waves[0])) for rows in (FIRST_ROWS, ANNOUNCED_ROWS))
        legs = [waves[:first], *in_parts(waves[first:], size)]
        coming = self._pool.submit(announce, legs[0])
        for leg, following in zip_longest(legs, legs[1:]):
            coming.result()
            if following:
                coming = self._pool.submit(announce, following)
            yield from leg

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
