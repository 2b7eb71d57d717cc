"""Braze: attributes of users, and events.

POST /users/track takes 75 attribute or event objects; a good answer may have `errors` with `input_array` and `index`.
POST /users/delete takes 50 users.
https://www.braze.com/docs/api/endpoints/user_data/post_user_track and https://www.braze.com/docs/api/errors
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.api import Api, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Row, in_parts
from cdp_resources.destinations.events import EventDestination
from cdp_resources.destinations.outcomes import Outcomes, at, rejected, told_of
from cdp_resources.environment import secret

LISTS = {"external_id": "external_ids", "email": "email_addresses"}


class Braze(EventDestination):
    """Users in Braze, with attributes.

    With `member_attribute` a removal sets it to false. Without it a removal deletes the user.
    """

    type: Literal["braze"]
    url: str = Field(description="REST endpoint of the instance, such as `https://rest.fra-01.braze.eu`")
    key_env: Variable = Field(description="Name of the variable with the REST API key")
    identifier: Literal["external_id", "email"] = Field(default="external_id", description="What the sync's `key` is")
    member_attribute: str | None = Field(
        default=None, description="Custom attribute that is true for members, and false for who was removed"
    )
    batch_size: int = Field(default=75, ge=1, le=75, description="Rows a request")
    limits: Limits = allowed(second=1_000)

    def headers(self) -> Headers:
        """The key."""
        return bearer(secret(self.key_env, "the REST API key of Braze"))

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Set attributes; users who are unknown are created."""
        flag = {self.member_attribute: True} if self.member_attribute else {}
        return self._tracked(
            api, "attributes", rows, [{**row.fields, **flag, "_update_existing_only": False} for row in rows]
        )

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Lower the flag of users who are there, or delete them."""
        if self.member_attribute:
            lowered = {self.member_attribute: False, "_update_existing_only": True}
            return self._tracked(api, "attributes", rows, [lowered for _ in rows])
        for part in in_parts(rows, 50):
            who = [{"email": row.key, "prioritization": ["most_recently_updated"]} for row in part]
            keys: list[Any] = who if self.identifier == "email" else [row.key for row in part]
            api.call("POST", "/users/delete", {LISTS[self.identifier]: keys})
        return {}

    def append(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Events of users; who exited is not created for it."""
        events = [
            {
                "name": self.name_of(api, row),
                "time": row.at.isoformat(),
                "properties": row.fields,
                "_update_existing_only": row.change == "exited",
            }
            for row in rows
        ]
        return self._tracked(api, "events", rows, events)

    def _tracked(self, api: Api, what: str, rows: Sequence[Row], objects: Sequence[dict[str, Any]]) -> Outcomes:
        users = [{**each, self.identifier: row.key} for row, each in zip(rows, objects, strict=True)]
        answer = api.call("POST", "/users/track", {what: users}).body
        return told_of(
            (at(rows, error.get("index")) if isinstance(error, dict) else None, rejected(_words(error)))
            for error in answer.get("errors", [])
        )


def _words(error: Any) -> str:
    return str(error.get("type") or "no reason given") if isinstance(error, dict) else str(error)
