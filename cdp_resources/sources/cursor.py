"""How far a stream was pulled: the highest cursor value, and which rows with values near it have been seen.

Pure: no network, no files.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

FUTURE = dt.timedelta(days=1)
"""A time further ahead than this is a mistake of the source, and would hide every row to come."""

Ordered = tuple[int, Any]
"""A value as something that compares: values of one kind among themselves."""


def ordered(value: Any) -> Ordered:
    """Times by instant, whatever their offset; numbers by size; anything else as text."""
    if isinstance(value, bool | dict | list):
        raise ValueError("is not a time, a number or a text")
    if isinstance(value, int | float):
        return (0, value)
    text = str(value)
    try:
        time = dt.datetime.fromisoformat(text if text[4:5] == "-" else "")  # 20260301 may be a number of something
    except ValueError:
        return (2, text)
    return (1, time if time.tzinfo else time.replace(tzinfo=dt.UTC))


def earlier(value: Any, lag: dt.timedelta) -> Any:
    """``value`` less ``lag``, in the form it has; a value that is no time as it is."""
    if isinstance(value, str) and ordered(value)[0] == 1:
        time = dt.datetime.fromisoformat(value) - lag
        return time.isoformat() if "T" in value or " " in value else time.date().isoformat()
    return value


def _like(time: dt.datetime, text: Any) -> str:
    """A time, to the second below, as the source writes them."""
    written = time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    text = str(text)
    written = written if "T" in text else written.replace("T", " ")
    zone = "Z" if text.endswith("Z") else "+00:00" if dt.datetime.fromisoformat(text).tzinfo else ""
    return f"{written}{zone}" if len(text) > 10 else written[:10]


@dataclass
class Cursor:
    """Follows the values of one pull, from ``start`` (inclusive) on.

    ``seen``: digests of rows that were landed before. ``value`` is the highest so far, as the source wrote it, but no
    later than ``now``, when the pull began: what changes while it runs may be on a page that was read already.
    """

    start: Any = None
    lag: dt.timedelta = dt.timedelta()
    seen: frozenset[str] = frozenset()
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    value: Any = None
    reached: bool = False
    """Whether a row was there that is not older than the start: an answer without one is odd."""
    in_the_future: int = 0
    _near: dict[str, Ordered] = field(default_factory=dict)
    _room: int = 10_000

    def __post_init__(self) -> None:
        self.value = self.start

    @property
    def asked_from(self) -> Any:
        """The value from which rows are asked for."""
        return None if self.start is None else earlier(self.start, self.lag)

    def is_new(self, value: Any, row: bytes) -> bool:
        """Take note of a row and its cursor value; False when it was landed before. Rows without a value are new."""
        if value is None:
            return True
        at = ordered(value)
        if self.start is not None:
            start = ordered(self.start)
            if at[0] != start[0]:
                raise ValueError("is of another kind than before (time, number or text)")
            self.reached = self.reached or at >= start
            if at < ordered(self.asked_from):
                return False
        digest = hashlib.sha256(row).hexdigest()[:16]
        self._remember(digest, at)
        if at[0] == 1 and at[1] > self.now + FUTURE:
            self.in_the_future += 1
            return digest not in self.seen
        if at[0] == 1 and at[1] > self.now:
            value, at = _like(self.now, value), (1, self.now)
        if self.value is None or at > ordered(self.value):
            self.value = value
        return digest not in self.seen

    def _remember(self, digest: str, at: Ordered) -> None:
        self._near[digest] = at
        if len(self._near) > self._room:
            self._forget()

    def _forget(self) -> None:
        """Rows too old to come again in the next pull."""
        if self.value is not None:
            since = ordered(earlier(self.value, self.lag))
            self._near = {digest: at for digest, at in self._near.items() if at >= since}
        self._room = max(self._room, 2 * len(self._near))

    def state(self) -> dict[str, Any]:
        """What the next pull starts from, as JSON values."""
        self._forget()
        return {"value": self.value, "seen": sorted({*self._near, *(self.seen if self.value == self.start else ())})}


def lag_of(duration: str | None) -> dt.timedelta:
    """A declared duration, such as `2 hours`."""
    if duration is None:
        return dt.timedelta()
    number, unit = duration.split()
    return dt.timedelta(**{unit.rstrip("s") + "s": int(number)})


def cursor_from(state: str | None, initial: Any, lag: dt.timedelta) -> Cursor:
    """The cursor that a state (JSON of ``Cursor.state``) stands for; without one, the initial value."""
    if not state:
        return Cursor(initial, lag)
    found = json.loads(state)
    return Cursor(found["value"], lag, frozenset(found["seen"]))
