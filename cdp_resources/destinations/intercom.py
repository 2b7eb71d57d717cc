"""Intercom: contacts, who of them has a tag, and events.

There are no lists in a request: each contact is looked up, created or changed, and tagged; events go one by one.
https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Answer
from cdp_resources.destinations.api import Api, Deliver, Headers, Limits, allowed, bearer, each
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.events import EventDestination
from cdp_resources.destinations.outcomes import Outcomes, later, rejected
from cdp_resources.destinations.polling import found
from cdp_resources.environment import secret

ATTRIBUTES = {
    "email",
    "phone",
    "name",
    "avatar",
    "signed_up_at",
    "last_seen_at",
    "owner_id",
    "unsubscribed_from_emails",
}
"""Fields that Intercom knows; every other one becomes a custom attribute."""


class Intercom(EventDestination):
    """Contacts in Intercom, and with `tag_id` a tag that members have.

    A removal takes the tag away. Without a tag it archives the contact.
    """

    type: Literal["intercom"]
    url: str = Field(default="https://api.intercom.io", description="`https://api.eu.intercom.io` in the EU")
    token_env: Variable = Field(description="Name of the variable with the access token")
    identifier: Literal["external_id", "email"] = Field(default="external_id", description="What the sync's `key` is")
    tag_id: str | None = Field(default=None, description="Id of the tag that members get")
    role: Literal["user", "lead"] = "user"
    version: str = Field(default="2.15", description="Version of the API")
    batch_size: int = Field(default=50, ge=1, le=1_000, description="Rows after which acknowledgements are recorded")
    concurrency: int = Field(default=4, ge=1, le=8, description="Batches that are sent at the same time")
    limits: Limits = allowed(second=16)

    def headers(self) -> Headers:
        """Token and version."""
        token = secret(self.token_env, "the access token of Intercom")
        return {**bearer(token), "Intercom-Version": self.version, "Accept": "application/json"}

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """One by one, removals first."""
        for deliver, rows in super().requests_of(batch):
            yield from each(deliver, rows)

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Create or change the contact, then tag it."""
        for row in rows:
            known = {name: value for name, value in row.fields.items() if name in ATTRIBUTES}
            custom = {name: value for name, value in row.fields.items() if name not in ATTRIBUTES}
            contact = {**known, **({"custom_attributes": custom} if custom else {}), self.identifier: row.key}
            known_as = self._id(api, row)
            if known_as:
                api.call("PUT", f"/contacts/{known_as}", contact)
            else:
                created = api.call("POST", "/contacts", {"role": self.role, **contact}, also=(409,))
                if created.status == 409:
                    # The search lags behind: it will find the contact in a while.
                    return {row.key: later("Intercom has the contact, but its search does not find it yet")}
                known_as = str(created.body["id"])
            if self.tag_id:
                api.call("POST", f"/contacts/{known_as}/tags", {"id": self.tag_id})
        return {}

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Take the tag away, or archive; who is unknown, and not new, is removed already."""
        for row in rows:
            for one in found(api, [row], partial(self._ids, api, row)):
                if self.tag_id:
                    api.call("DELETE", f"/contacts/{one}/tags/{self.tag_id}", also=(404,))
                else:
                    api.call("POST", f"/contacts/{one}/archive", also=(404,))
        return {}

    def is_own(self, answer: Answer) -> bool:
        """Intercom's errors are lists of errors."""
        return isinstance(answer.json, dict) and answer.json.get("type") == "error.list"

    def append(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Send an event. Intercom ignores one of a contact, name and second that it has seen."""
        known_as = "user_id" if self.identifier == "external_id" else "email"
        for row in rows:
            event = {
                "event_name": self.name_of(api, row),
                "created_at": int(row.at.timestamp()),
                known_as: row.key,
                "metadata": {name: _text(value) for name, value in row.fields.items() if value is not None},
            }
            answer = api.call("POST", "/events", event, also=(404,))
            if answer.status == 404 and row.change == "entered":
                return {row.key: rejected("Intercom knows nobody by this key")}
        return {}

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """Everybody is found."""
        found = {"id": "<id of the contact>"}
        return {"data": [found]} if path == "/contacts/search" else found

    def _ids(self, api: Api, row: Row) -> list[str]:
        """As a list that is empty where nobody is found."""
        known_as = self._id(api, row)
        return [known_as] if known_as else []

    def _id(self, api: Api, row: Row) -> str | None:
        """Intercom's own id of a contact."""
        if self.identifier == "external_id":
            answer = api.call("GET", f"/contacts/find_by_external_id/{quote(row.key, safe='')}", also=(404,))
            return None if answer.status == 404 else str(answer.body["id"])
        query = {"query": {"field": "email", "operator": "=", "value": row.key}}
        contacts: list[dict[str, Any]] = api.call("POST", "/contacts/search", query).body["data"]
        return str(contacts[0]["id"]) if contacts else None


def _text(value: Any) -> str:
    """What is known of an event are texts."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
