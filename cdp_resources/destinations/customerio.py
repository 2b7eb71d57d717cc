"""Customer.io: people and events, through the Track API.

POST /api/v2/batch takes operations on people, 32 kB each and 500 kB together. 207 answers name rows by `batch_index`.
https://docs.customer.io/integrations/api/track/#operation/batch
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.api import Api, Headers, Limits, allowed, basic
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.events import EventDestination, ulid
from cdp_resources.destinations.outcomes import Outcomes, at, rejected, told_of
from cdp_resources.environment import secret


class CustomerIo(EventDestination):
    """People in Customer.io.

    With `member_attribute` a removal sets it to false. Without it a removal deletes the person.
    """

    type: Literal["customerio"]
    url: str = Field(default="https://track.customer.io", description="`https://track-eu.customer.io` in the EU region")
    site_env: Variable = Field(description="Name of the variable with the site id")
    key_env: Variable = Field(description="Name of the variable with the Track API key")
    identifier: Literal["id", "email"] = Field(default="id", description="What the sync's `key` is")
    member_attribute: str | None = Field(
        default=None, description="Attribute that is true for members, and false for who was removed"
    )
    batch_size: int = Field(default=200, ge=1, le=1_000, description="Rows a request, which may have 500 kB")
    limits: Limits = allowed(second=100)

    def headers(self) -> Headers:
        """Site id and key."""
        site = secret(self.site_env, "the site id of Customer.io")
        return basic(site, secret(self.key_env, "the Track API key of Customer.io"))

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Identify people."""
        flag = {self.member_attribute: True} if self.member_attribute else {}
        return self._sent(api, rows, [{"action": "identify", "attributes": {**row.fields, **flag}} for row in rows])

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Lower the flag of people who are there, or delete them."""
        if self.member_attribute is None:
            return self._sent(api, rows, [{"action": "delete"} for _ in rows])
        lowered = {"action": "identify", "attributes": {self.member_attribute: False, "_update": True}}
        return self._sent(api, rows, [lowered for _ in rows])

    def append(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Events of people; Customer.io ignores one whose id it has seen."""
        events = [
            {
                "action": "event",
                "name": self.name_of(api, row),
                "id": ulid(row),
                "timestamp": int(row.at.timestamp()),
                "attributes": row.fields,
            }
            for row in rows
        ]
        return self._sent(api, rows, events)

    def _sent(self, api: Api, rows: Sequence[Row], actions: Sequence[dict[str, Any]]) -> Outcomes:
        people = ({"type": "person", "identifiers": {self.identifier: row.key}} for row in rows)
        batch = [{**person, **action} for person, action in zip(people, actions, strict=True)]
        answer = api.call("POST", "/api/v2/batch", {"batch": batch}).body
        return told_of(
            (at(rows, error.get("batch_index")), rejected(_words(error))) for error in answer.get("errors", [])
        )


def _words(error: dict[str, Any]) -> str:
    parts = (error.get("reason"), error.get("field"), error.get("message"))
    return ": ".join(str(part) for part in parts if part) or "no reason given"
