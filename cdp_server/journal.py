"""The journal: whoever waits for `commit` waits until the lines are on the disk.

One thread writes. What arrives within two milliseconds, or while it waits for the disk, is written together, with one
fsync for each stream: the busier it is, the more share one.
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cdp_server.metrics import Metrics
from cdp_server.part_files import PartFile, recover
from cdp_server.streams import CollectedStream

GATHER_SECONDS = 0.002
PUBLISH_SECONDS = 2.0
PUBLISH_BYTES = 16 << 20
MOST_WAITING_BYTES = 32 << 20


class Unwritable(Exception):
    """The lines are not on the disk: it is full, or gone."""


@dataclass
class Waiting:
    """Lines that somebody waits for."""

    stream: CollectedStream
    lines: bytes
    written: asyncio.Future[None]


@dataclass
class Open:
    """A file that is written to, since when, and for which day."""

    file: PartFile
    since: float
    day: dt.date


class Journal:
    """Appends lines to files of streams. Use one a process."""

    def __init__(
        self,
        streams: list[CollectedStream],
        metrics: Metrics,
        *,
        new_file: Callable[[Path], PartFile] = PartFile,
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> None:
        self.failed: str | None = None
        """What the disk said last, while it is not well."""
        self._streams = streams
        self._metrics = metrics
        self._new_file = new_file
        self._publish_seconds = publish_seconds
        self._waiting: list[Waiting] = []
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._open: dict[CollectedStream, Open] = {}
        self._abandoned = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    @property
    def is_pressed(self) -> bool:
        """More waits for the disk than should."""
        return self._waiting_bytes > MOST_WAITING_BYTES

    async def commit(self, stream: CollectedStream, lines: bytes) -> None:
        """Write lines. Raises ``Unwritable``; then some may be in a file all the same, and should be sent again."""
        if self._closing:
            raise Unwritable(self.failed or "the collector is stopping")
        waiting = Waiting(stream, lines, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._waiting_bytes += len(lines)
        self._arrived.set()
        await waiting.written

    async def run(self) -> None:
        """Write until `close`. What a killed process left is finished first."""
        try:
            await self._run()
        finally:
            self._closing, self.failed = True, self.failed or "the collector is stopping"
            for waiting in self._waiting:
                if not waiting.written.done():
                    waiting.written.set_exception(Unwritable(self.failed))
            self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._recover)
        while not self._closing or self._waiting:
            await self._wait(loop.time())
            if self._waiting:
                await asyncio.sleep(GATHER_SECONDS)
            batch = list(self._waiting)
            failures = await loop.run_in_executor(self._thread, self._write, batch, loop.time())
            del self._waiting[: len(batch)]
            for waiting in batch:
                self._waiting_bytes -= len(waiting.lines)
                if waiting.written.done():  # the client has gone
                    continue
                if waiting.stream in failures:
                    waiting.written.set_exception(Unwritable(failures[waiting.stream]))
                else:
                    waiting.written.set_result(None)
        await loop.run_in_executor(self._thread, self._publish, float("inf"))

    def close(self) -> None:
        """Let `run` end once nothing waits."""
        self._closing = True
        self._arrived.set()

    async def _wait(self, now: float) -> None:
        """Until something arrives, or a file is due."""
        if not self._waiting and not self._closing:
            self._arrived.clear()
            due = min((file.since for file in self._open.values()), default=now) + self._publish_seconds
            try:
                async with asyncio.timeout(max(0.0, due - now) if self._open or self._abandoned else None):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _write(self, batch: list[Waiting], now: float) -> dict[CollectedStream, str]:
        """Append a batch, and publish what is due. Returns the streams that failed, with the reason."""
        by_stream: dict[CollectedStream, list[bytes]] = {}
        for waiting in batch:
            by_stream.setdefault(waiting.stream, []).append(waiting.lines)
        failures: dict[CollectedStream, str] = {}
        with self._metrics.commit_seconds.time() if by_stream else self._metrics.untimed:
            for stream, lines in by_stream.items():
                try:
                    self._file(stream, now).append(b"".join(lines))
                except OSError as error:
                    failures[stream] = error.strerror or str(error)
                    self._abandon(stream)
        if by_stream:
            self.failed = "; ".join(sorted(set(failures.values()))) or None
        self._publish(now)
        return failures

    def _file(self, stream: CollectedStream, now: float) -> PartFile:
        clock = dt.datetime.now(dt.UTC)
        day = stream.day(clock)
        known = self._open.get(stream)
        if known and known.day != day:
            self._finish(stream)
            known = None
        if known is None:
            known = self._open[stream] = Open(self._new_file(stream.new_file(clock)), now, day)
        return known.file

    def _abandon(self, stream: CollectedStream) -> None:
        """After a failed write or fsync nobody knows what the file holds beyond what was acknowledged."""
        if known := self._open.pop(stream, None):
            known.file.abandon()
        self._abandoned = True

    def _publish(self, now: float) -> None:
        for stream, known in list(self._open.items()):
            if now - known.since >= self._publish_seconds or known.file.size >= PUBLISH_BYTES:
                self._finish(stream)
        if self._abandoned:
            self._recover()

    def _finish(self, stream: CollectedStream) -> None:
        file = self._open.pop(stream).file
        try:
            file.publish()
        except OSError as error:
            file.abandon()
            self.failed, self._abandoned = error.strerror or str(error), True

    def _recover(self) -> None:
        try:
            for folder in {stream.folder for stream in self._streams}:
                recover(folder)
            self._abandoned = False
        except OSError as error:
            self.failed, self._abandoned = error.strerror or str(error), True
