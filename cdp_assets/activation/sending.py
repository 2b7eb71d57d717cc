"""Sending: batch by batch. What is about to leave is announced first, answers are written while others are awaited."""

import datetime as dt
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Protocol

import duckdb

from cdp_assets.activation.attempts import forget_answered, forget_unsent, record_attempts
from cdp_assets.activation.checkpoint import Checkpoint
from cdp_assets.activation.comparison import BOOKS, WRITTEN, SyncStopped
from cdp_assets.activation.delivered import Delivered, progress
from cdp_assets.activation.deliveries import record_acknowledged, record_handovers
from cdp_assets.activation.pending import Answers, Pending, together, who_said, with_outcomes
from cdp_assets.activation.recorder import Recorder
from cdp_assets.activation.rejections import (
    NOT_TAKEN,
    record_rejected,
    resolve_acknowledged,
    resolve_superseded,
)
from cdp_assets.activation.work import Work, read_work
from cdp_assets.identity.following import require
from cdp_assets.metadata import has_table
from cdp_model.model import Model
from cdp_resources.destinations.base import Connection, Outcome, Row, Status, in_parts
from cdp_resources.lake import CATALOG, Lake, Write, present_snapshot

PASS_ROWS = 100_000
"""After so many rows the difference is read anew: memory stays small."""

PASS_SECONDS = 60.0
"""After so long too: consents that a row leaves with are not much older."""

ANSWERS: tuple[Status, ...] = ("acknowledged", "rejected", "retry_later")

BARREN_BATCHES = 2
"""So many batches in a row without one accepted row end a run: the mistake is not in the rows."""

Open = Callable[[Work], Connection]
Log = Callable[[str], None]


class ReadNext(Protocol):
    """Reads what is to be sent next, like `read_work`."""

    def __call__(
        self,
        con: duckdb.DuckDBPyConnection,
        model: Model,
        name: str,
        now: dt.datetime,
        limit: int,
        skip: Collection[str] = ...,
        allow_removals: bool = ...,
    ) -> Work: ...


class Sending:
    """One run of one sync."""

    def __init__(
        self, lake: Lake, model: Model, name: str, run_id: str, log: Log, read_next: ReadNext | None = None
    ) -> None:
        """``read_next`` says what is to be sent: by default the difference between desired and acknowledged state."""
        self.lake, self.model, self.name, self.run_id, self.log = lake, model, name, run_id, log
        self.sync = (name, model.syncs[name].destination)
        self.batch_size = model.destinations[self.sync[1]].batch_size
        self.max_wait = dt.timedelta(days=model.syncs[name].max_wait_days)
        self.result = Delivered()
        self._read_next = read_next or partial(read_work, since=dt.datetime.now(dt.UTC))
        self._write: Write = lake.write
        self._checkpoint = Checkpoint(name)
        self._skip: set[str] = set()
        self._barren = 0
        self._refusals = True
        self._tidy = False
        self._started = 0.0

    def run(self, open_destination: Open, allow_removals: bool = False) -> Delivered:
        """Make the destination equal to the desired state, as far as it lets us.

        Raises ``SyncStopped`` before anything is sent when an input is missing or too much would be removed, and when
        a jump of the segment waits for somebody to look, after removing those who withdrew or were erased.
        """
        with ExitStack() as opened:
            opened.enter_context(self._checkpoint.alone(self._log_that_it_waits))
            self._started, told = time.monotonic(), self._checkpoint.read()
            self._checkpoint.keep(told)
            destination: Connection | None = None
            while True:
                work = self._read(allow_removals)
                if self.result.first is None:
                    self.result.first = work
                    self._write_bookkeeping(work)
                if not len(work.rows):
                    break
                rows = self._caught_up(work.rows, told) if told else work.rows
                self.result.not_attempted = work.pending - len(work.rows)
                if len(rows):
                    if destination is None:
                        destination = open_destination(work)
                        opened.callback(destination.close)
                        self._write = opened.enter_context(self.lake.writer())
                    self.result.not_attempted += self._send(rows, destination)
                if self.result.gave_up or self.result.not_attempted == 0:
                    break
            self._checkpoint.keep(told if self.result.gave_up else {})
        self.result.seconds = time.monotonic() - self._started
        if self.result.first.stopped:
            raise SyncStopped(_stopped(self.result.first.stopped, self.result.attempted))
        return self.result

    def _read(self, allow_removals: bool) -> Work:
        limit = self.batch_size * max(1, PASS_ROWS // self.batch_size)
        now = dt.datetime.now(dt.UTC)
        with self.lake.reading() as con:
            require(con, "profiles.profiles")
            if all(has_table(con, table) for table in WRITTEN):
                self.result.snapshot = present_snapshot(con)
                return self._read_next(con, self.model, self.name, now, limit, self._skip, allow_removals)
        self.lake.write(_ensure_tables, "activation: tables of the first sync")
        return self._read(allow_removals)

    def _write_bookkeeping(self, work: Work) -> None:
        """What changes in our books although nothing is sent."""

        def write(con: duckdb.DuckDBPyConnection) -> None:
            record_handovers(con, self.sync, work.handovers)
            resolve_superseded(con, self.sync, work.superseded, dt.datetime.now(dt.UTC))

        if work.handovers or work.superseded:
            self.lake.write(write, f"activation.{self.name}: people behind rows")

    def _caught_up(self, rows: Pending, told: dict[str, str]) -> Pending:
        """Record what a run that was killed had seen acknowledged, and give the rest. ``told`` keeps what is left."""
        announced = rows.recorded["attempted_before"].to_pylist()
        known, others = rows.parted(
            [before and row.idempotency_id in told for row, before in zip(rows.rows, announced, strict=True)]
        )
        if len(known):
            outcomes = [Outcome("acknowledged", "", told.pop(row.idempotency_id)) for row in known.rows]
            self._record([(known, outcomes)])
            self.log(f"{self.name}: {len(known):,} rows were acknowledged to a run that was stopped")
        self._checkpoint.keep(told)
        return others

    def _send(self, rows: Pending, destination: Connection) -> int:
        """Send and record as many batches at a time as the destination takes at once.

        Returns how many rows were left when the destination was given up, or the rows had grown old.
        """
        waves = rows.in_parts(self.batch_size * destination.concurrency)
        sent, began = 0, time.monotonic()
        with ThreadPoolExecutor(destination.concurrency) as pool, Recorder(self._record) as recorder:
            send = pool.map if destination.concurrency > 1 else map
            for number, wave in enumerate(recorder.announced(waves, self._announce), 1):
                answers = list(send(partial(self._batch, destination), in_parts(wave.rows, self.batch_size)))
                self.result.gave_up = any(self._is_hopeless(outcomes) for outcomes in answers)
                recorder.add((wave, list(chain.from_iterable(answers))))
                sent += len(wave)
                if number % max(1, len(waves) // 20) == 0 or self.result.gave_up:
                    self._log_progress()
                if self.result.gave_up or time.monotonic() - began > PASS_SECONDS:
                    break
            self._record(recorder.rest() or [(rows.between(0, 0), [])], rows.between(sent, len(rows)))
        return len(rows) - sent

    def _batch(self, destination: Connection, rows: Sequence[Row]) -> Sequence[Outcome]:
        """Send some rows and note what was acknowledged. In threads, where the destination takes several at once."""
        outcomes = destination.send(rows)
        self._checkpoint.add(rows, outcomes)
        return outcomes

    def _announce(self, waves: Sequence[Pending]) -> None:
        """That these rows are about to leave: from now on the destination is taken to hold them perhaps."""
        self._write(
            lambda con: record_attempts(con, self.sync, together(waves), self.run_id),
            f"activation.{self.name}: about to be sent",
        )

    def _is_hopeless(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether the destination is down, or has taken nothing of several batches."""
        self._barren = 0 if any(outcome.status == "acknowledged" for outcome in outcomes) else self._barren + 1
        return all(outcome.status == "retry_later" for outcome in outcomes) or self._barren >= BARREN_BATCHES

    def _record(self, answers: Sequence[Answers], left: Pending | None = None) -> None:
        """In one commit: what the destination said to some batches; at the end also which rows are ``left`` unsent."""
        now = dt.datetime.now(dt.UTC)
        answered = with_outcomes(after_waiting(answers, now, self.max_wait))
        said_yes, said_no, waiting = (who_said(answered, status) for status in ANSWERS)

        def record(con: duckdb.DuckDBPyConnection) -> None:
            record_acknowledged(con, self.sync, said_yes, now, self.run_id)
            self._refusals = self._refusals and resolve_acknowledged(con, self.sync, said_yes, now)
            record_rejected(con, self.sync, said_no, now, self.run_id)
            forget_unsent(con, self.sync, said_no)
            if not self._tidy:  # once a run, beside the sending: what this leaves of a large one is the next one's
                forget_answered(con, self.sync)
            if left is not None:
                forget_unsent(con, self.sync, left.recorded)

        self._write(record, f"activation.{self.name}: {len(said_yes)} acknowledged, {len(said_no)} rejected")
        self._tidy = True
        self._refusals = self._refusals or len(said_no) > 0
        self.result.add(said_yes, said_no, waiting)
        self._skip.update(said_no["payload_hash"].to_pylist(), waiting["payload_hash"].to_pylist())

    def _log_that_it_waits(self) -> None:
        self.log(f"{self.name}: another run of this sync is at work: this one begins when that is over")

    def _log_progress(self) -> None:
        assert self.result.first
        self.log(f"{self.name}: {progress(self.result, self.result.first.pending, time.monotonic() - self._started)}")


def after_waiting(answers: Sequence[Answers], now: dt.datetime, most: dt.timedelta) -> Sequence[Answers]:
    """A row that has waited for so long, while the destination takes others, is taken for refused: somebody must look.

    Where the destination takes nothing the whole sync fails, which is another alarm.
    """
    if not {"acknowledged", "retry_later"} <= {outcome.status for _, said in answers for outcome in said}:
        return answers
    return [
        (part, list(map(partial(_given_up, now=now, most=most), part.recorded["waits_since"].to_pylist(), said)))
        for part, said in answers
    ]


def _given_up(since: dt.datetime | None, outcome: Outcome, now: dt.datetime, most: dt.timedelta) -> Outcome:
    if outcome.status != "retry_later" or since is None or now - since < most:
        return outcome
    return Outcome("rejected", f"{NOT_TAKEN} {(now - since).days} days: {outcome.error}")


def _stopped(why: str, removed: int) -> str:
    sent = f"Only people who withdrew or were erased were removed ({removed:,})" if removed else "Nothing was sent"
    return f"{sent}, because {why}"


def _ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    for book, ensure in BOOKS.items():
        ensure(con, f"{CATALOG}.activation.{book}", "TABLE")
