"""Vendors that also take events: who entered and exited, for syncs that append them instead of keeping a state."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from string import Template
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from cdp_model.syncs import STATES
from cdp_resources.destinations.api import Api, ApiDestination, Deliver
from cdp_resources.destinations.base import EVENTS, Row, in_parts
from cdp_resources.destinations.outcomes import Outcomes

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def known_names(*names: str) -> AfterValidator:
    """For a text with `$name` in it: refuses one that has other names."""

    def checked(text: str) -> str:
        if set(Template(text).get_identifiers()) - set(names) or not Template(text).is_valid():
            raise ValueError(f"`$` may stand before {', '.join(sorted(names))}, and `$$` is a dollar")
        return text

    return AfterValidator(checked)


class EventDestination(ApiDestination):
    """A destination that holds people, and takes what happened to them as well."""

    events_a_request: ClassVar[int | None] = None
    """Where fewer events than rows fit into a request."""

    event_name: Annotated[str, known_names("sync", "change")] = Field(
        default="$sync $change",
        description="Name of the events of a sync with `append_events`; `$change` is `entered` or `exited`",
    )

    @abstractmethod
    def append(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Send events. One that is sent again has its id and time, so that the vendor can tell."""

    def supported_modes(self) -> tuple[str, ...]:
        """Those of all, and events."""
        return (*STATES, "append_events")

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """Events in requests of their own."""
        events = [row for row in batch if row.change in EVENTS]
        for part in in_parts(events, self.events_a_request or self.batch_size):
            yield self.append, part
        yield from super().requests_of([row for row in batch if row.change not in EVENTS])

    def name_of(self, api: Api, row: Row) -> str:
        """Name of the event."""
        return Template(self.event_name).substitute(sync=api.sync, change=row.change)


def ulid(row: Row) -> str:
    """The ULID of an event: its time in milliseconds and 80 bits of its id, in base 32 (github.com/ulid/spec)."""
    random = int.from_bytes(hashlib.sha256(row.idempotency_id.encode()).digest()[:10])
    number = int(row.at.timestamp() * 1000) << 80 | random
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
