"""What a run of a sync did, and how far it is."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from cdp_assets.activation.work import Work
from cdp_resources.destinations.api import FRUITLESS


@dataclass
class Delivered:
    """What a run did. Rows are counted once, whatever number of requests they took."""

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    retry_later: Counter[str] = field(default_factory=Counter)
    not_attempted: int = 0
    seconds: float = 0.0
    gave_up: bool = False
    first: Work | None = None
    snapshot: int = 0
    """Of the lake, that was read last."""

    @property
    def attempted(self) -> int:
        """Rows that were sent, whatever the answer."""
        return sum(self.sent.values())

    @property
    def is_fruitless(self) -> bool:
        """Whether nothing was taken, and not for the fault of a few rows."""
        refused = sum(self.rejected.values())
        return self.acknowledged == 0 and (bool(self.retry_later) or refused >= FRUITLESS)

    @property
    def unacknowledged(self) -> int:
        """Rows of the difference that the destination does not hold yet."""
        held_back = self.first.held_back if self.first else 0
        return sum(self.rejected.values()) + sum(self.retry_later.values()) + self.not_attempted + held_back

    def add(self, acknowledged: pa.Table, rejected: pa.Table, waiting: pa.Table) -> None:
        """Count answers (see `with_outcomes`)."""
        self.acknowledged += acknowledged.num_rows
        for answered in (acknowledged, rejected, waiting):
            self.sent += _counts(answered["change"])
        self.rejected += _counts(rejected["error"])
        self.retry_later += _counts(waiting["error"])


def progress(result: Delivered, pending: int, seconds: float) -> str:
    """How far a run is: rows sent of those that were pending, how fast, and the time that is left at this speed."""
    speed = result.attempted / seconds if seconds else 0.0
    left = max(0, pending - result.attempted) / speed if speed else 0.0
    sent = f"{result.attempted:,} of {pending:,} rows sent, {result.acknowledged:,} acknowledged"
    return f"{sent}, {speed:,.0f} a second, {dt.timedelta(seconds=round(left))} left"


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    return Counter({one["values"]: one["counts"] for one in column.value_counts().to_pylist()})
