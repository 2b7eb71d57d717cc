"""HubSpot: contacts, and who of them is in a list.

POST /crm/v3/objects/contacts/batch/upsert and /read take 100 contacts; PUT /crm/v3/lists/{listId}/memberships/add and
/remove take record ids. 207 answers name rows by the `objectWriteTraceId` that we give them.
https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-upsert
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Undelivered
from cdp_resources.destinations.api import Api, ApiDestination, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.outcomes import Outcomes, at, later, rejected, told_of
from cdp_resources.destinations.polling import found
from cdp_resources.environment import secret

CONTACTS = "/crm/v3/objects/contacts/batch"
PASSING = {"RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"}
"""Categories of errors that say nothing about the row."""


class HubSpot(ApiDestination):
    """Contacts in HubSpot, and with `list_id` their membership of a static list.

    A removal takes the contact off the list. Without a list it archives the contact.
    """

    type: Literal["hubspot"]
    url: str = Field(default="https://api.hubapi.com", description="Where the API is")
    token_env: Variable = Field(description="Name of the variable with the access token of a private app")
    list_id: str | None = Field(default=None, description="Static list (ILS id) that members are put on")
    identifier: str = Field(default="email", description="Unique property of contacts that the sync's `key` is")
    batch_size: int = Field(default=100, ge=1, le=100, description="Rows a request")
    limits: Limits = allowed(second=19)

    def headers(self) -> Headers:
        """The token."""
        return bearer(secret(self.token_env, "the access token of a HubSpot private app"))

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Create or change contacts, then put those that exist on the list."""
        inputs = [
            {
                "id": row.key,
                "idProperty": self.identifier,
                "objectWriteTraceId": str(index),
                "properties": {self.identifier: row.key, **{name: _text(value) for name, value in row.fields.items()}},
            }
            for index, row in enumerate(rows)
        ]
        body = api.call("POST", f"{CONTACTS}/upsert", {"inputs": inputs}).body
        told = told_of(_errors(body, rows))
        self._list(api, "add", [str(result["id"]) for result in body["results"]])
        return told

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Find the contacts; who is unknown, and not new, is removed already."""
        asked = {
            "idProperty": self.identifier,
            "inputs": [{"id": row.key} for row in rows],
            "properties": [self.identifier],
            "propertiesWithHistory": [],
        }

        def look() -> list[str]:
            body = api.call("POST", f"{CONTACTS}/read", asked).body
            for error in body.get("errors", []):
                if error.get("category") != "OBJECT_NOT_FOUND":
                    raise Undelivered(error["message"])
            return [str(contact["id"]) for contact in body["results"]]

        ids = found(api, rows, look)
        if self.list_id:
            self._list(api, "remove", ids)
        elif ids:
            api.call("POST", f"{CONTACTS}/archive", {"inputs": [{"id": one} for one in ids]})
        return {}

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """Contacts have ids, and those who are asked for are there."""
        inputs = body["inputs"] if path in (f"{CONTACTS}/upsert", f"{CONTACTS}/read") else []
        return {"results": [{"id": f"<id of {one['id']}>"} for one in inputs]}

    def _list(self, api: Api, what: str, ids: list[str]) -> None:
        if self.list_id and ids:
            api.call("PUT", f"/crm/v3/lists/{self.list_id}/memberships/{what}", ids)


def _errors(body: dict[str, Any], rows: Sequence[Row]) -> list[tuple[Row | None, Any]]:
    """The errors of a 207 answer, each with its row, where it names one."""
    named = []
    for error in body.get("errors", []):
        context = error.get("context", {})
        passing = error.get("category") in PASSING
        outcome = later(error["message"]) if passing else rejected(error["message"])
        traces = context.get("objectWriteTraceId") or [None]
        named += [(at(rows, trace), outcome) for trace in traces]
    return named


def _text(value: Any) -> str:
    """Properties are texts: nothing empties one, and of several values each is an option of a multiple choice."""
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)
