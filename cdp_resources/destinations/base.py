"""What every destination has in common: rows go in, and each row gets an outcome of its own."""

import datetime as dt
import hashlib
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar

from cdp_model.syncs import DestinationSettings

T = TypeVar("T")
Change = Literal["add", "update", "remove", "entered", "exited"]
"""`entered` and `exited` are events of a sync that appends them; all other syncs have the rest."""

Status = Literal["acknowledged", "retry_later", "rejected"]

EMAIL = re.compile(r"[^\s\"'<>(),;:]+@[^\s\"'<>(),;:]+")
LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{4,}\d")
LONGEST_ERROR = 300
EVENTS = ("entered", "exited")


class Row(NamedTuple):
    """One change to one row at a destination. Sent are ``change``, ``key``, ``fields``; of an event id and time too."""

    change: Change
    key: str
    fields: dict[str, Any]
    person_id: str
    idempotency_id: str
    """The same for the same change to the same acknowledged state; another one each time that state has changed."""
    at: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    """When it was first about to be sent: like its id the same however often it is sent. The time of an event."""
    told_at: dt.datetime | None = None
    """Of a removal: when the destination was last told of the row, which it may not find yet."""


@dataclass(frozen=True)
class Outcome:
    """What became of one row. ``error`` is in the destination's words, with the row's own values taken out."""

    status: Status
    error: str = ""
    message_id: str = field(default="", compare=False)


class DestinationMisconfigured(Exception):
    """A destination cannot be opened; the message names the setting or variable to mend, never its value."""


class Connection(Protocol):
    """An open destination: it takes batches of changes of one sync."""

    batch_size: int
    concurrency: int
    """How many batches may be sent at the same time; ``send`` is called from so many threads."""

    def send(self, batch: Sequence[Row]) -> list[Outcome]:
        """Send up to ``batch_size`` rows; one outcome a row, in their order. An outage is an outcome, no exception."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Destination(DestinationSettings):
    """What a data team declares about a destination, and how it is opened. A subclass each, in a file each."""

    @abstractmethod
    def connect(self, sync: str, types: Mapping[str, str], as_of: dt.date | None) -> Connection:
        """Open it for one sync. ``types`` are its fields, in declared order, with their SQL types.

        Raises ``ValueError`` naming what to mend.
        """

    def for_rehearsal(self) -> Self:
        """The same without what would reach, or wait for, anybody while nothing is sent."""
        return self

    def asset_kinds(self) -> set[str]:
        """Shown in the Dagster UI beside the assets of its syncs: at most two."""
        return {self.type}


def change_of(row: Row) -> dict[str, Any]:
    """A change for a reader who does with it what it says. An event has its id, to be taken once."""
    if row.change in EVENTS:
        return {"change": row.change, "key": row.key, "id": row.idempotency_id, "fields": row.fields}
    return {"change": row.change, "key": row.key, "fields": row.fields}


def message_id(batch: Sequence[Row]) -> str:
    """The id of a set of changes: the same for the same set for ever, whenever and however often it is sent."""
    together = "\n".join(sorted([row.idempotency_id for row in batch]))
    return f"msg_{hashlib.sha256(together.encode()).hexdigest()[:32]}"


def in_parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Parts of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def masked(words: str, row: Row) -> str:
    """What a destination said about a row, without its values: destinations like to quote what they refuse."""
    values = {"key": row.key, **{name: value for name, value in row.fields.items() if isinstance(value, str)}}
    for name, value in sorted(values.items(), key=lambda item: len(item[1]), reverse=True):
        if len(value) > 2:
            words = re.sub(re.escape(value), f"<{name}>", words, flags=re.IGNORECASE)
    return without_personal_data(words)


def without_personal_data(words: str) -> str:
    """One short line without anything that looks like an e-mail address or a long number."""
    words = LONG_NUMBER.sub("<number>", EMAIL.sub("<e-mail>", words))
    return " ".join(words.split())[:LONGEST_ERROR]
