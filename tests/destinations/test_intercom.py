"""Intercom, held against its own description: contacts looked up, created, changed and tagged one by one."""

import json
from typing import Any
from urllib.parse import unquote

from openapi_core import OpenAPI

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import description
from tests.destinations.kit import NOON, AtVendor, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request

PATHS = (
    "/contacts", "/contacts/{contact_id}", "/contacts/find_by_external_id/{external_id}", "/contacts/search",
    "/contacts/{contact_id}/tags", "/contacts/{contact_id}/tags/{tag_id}", "/contacts/{contact_id}/archive", "/events",
)  # fmt: skip
REQUEST_ID = "7b2c3b1e-6b1f-4b1e-9b1f-7b2c3b1e6b1f"


class IntercomVendor(AtVendor):
    """Contacts by external id; Intercom's own ids have a prefix."""

    declared = {"type": "intercom", "token_env": "INTERCOM_TOKEN"}
    looks_up = True
    secrets = {"INTERCOM_TOKEN": "token"}
    credentials = ("authorization", "Bearer token")
    fields = {"name": "Ada", "tier": "gold"}

    def description(self) -> OpenAPI:
        return description(*PATHS, files=("intercom/api.intercom.io-2.15.yaml",), without=("examples", "example"))

    def key(self, n: int) -> str:
        return f"customer-{n}"

    def expected(self, row: Row) -> Any:
        return {"name": row.fields["name"], "custom_attributes": {"tier": row.fields["tier"]}}

    @property
    def contacts(self) -> dict[str, Any]:
        return self.vendor.held

    def reply(self, request: Request) -> Reply:
        assert request.headers["intercom-version"] == "2.15"
        parts = unquote(request.path).split("/")[2:]
        if parts and parts[0] == "find_by_external_id":
            found = parts[1] in self.contacts and not self.vendor.forgets
            return _contact(parts[1]) if found else _error(404, "not_found", "User Not Found")
        if parts[1:] == ["archive"]:
            self.contacts.pop(parts[0].removeprefix("id-"))
            return Reply(200, {"type": "contact", "id": parts[0], "external_id": None, "archived": True})
        contact = request.json
        key = contact.pop("external_id")
        if key in self.vendor.bad | self.vendor.poison:
            return _error(422, "parameter_invalid", f"{key} is not valid")
        if request.method == "POST" and key in self.contacts and self.vendor.forgets:
            return _error(409, "conflict", "A contact matching those details already exists")
        assert (request.method == "PUT") is (key in self.contacts)
        contact.pop("role", None)
        self.contacts[key] = contact
        return _contact(key)


def _contact(key: str) -> Reply:
    return Reply(200, {"type": "contact", "id": f"id-{key}", "external_id": key})


def _error(status: int, code: str, message: str) -> Reply:
    errors = [{"code": code, "message": message}]
    return Reply(status, {"type": "error.list", "request_id": REQUEST_ID, "errors": errors})


class TestIntercomContacts(IntercomVendor, DestinationContract):
    """Without a tag: contacts are archived."""

    def test_each_contact_that_was_taken_before_an_outage_counts(self) -> None:
        self.vendor.script.extend(["good", "good", "503", "503"])
        assert self.statuses(self.rows(1, 2, 3)) == ["acknowledged", "retry_later", "retry_later"]

    def test_a_contact_that_the_search_does_not_find_yet_is_left_for_later(self) -> None:
        found = self.vendor.reply
        self.vendor.reply = lambda r: _error(409, "conflict", "exists") if r.call == "POST /contacts" else found(r)
        assert self.statuses(self.rows(1)) == ["retry_later"]


class TestIntercomTag(IntercomVendor, DestinationContract):
    """With a tag: contacts stay, and lose it."""

    declared = {"type": "intercom", "token_env": "INTERCOM_TOKEN", "tag_id": "7"}

    @property
    def contacts(self) -> dict[str, Any]:
        return self.__dict__.setdefault("known", {})

    def reply(self, request: Request) -> Reply:
        parts = request.path.split("/")[2:]
        if parts[1:2] != ["tags"]:
            return super().reply(request)
        key = parts[0].removeprefix("id-")
        if request.method == "POST":
            assert request.json == {"id": "7"}
            self.vendor.held[key] = self.contacts[key]
        elif self.vendor.held.pop(key, None) is None:
            return _error(404, "not_found", "Tag Not Found")
        return Reply(200, {"type": "tag", "id": "7", "name": "vips"})


class TestIntercomByEmail(IntercomVendor, DestinationContract):
    """Known by e-mail address: contacts are searched for."""

    declared = {"type": "intercom", "token_env": "INTERCOM_TOKEN", "identifier": "email"}

    def reply(self, request: Request) -> Reply:
        if request.path == "/contacts/search":
            assert request.json["query"]["field"] == "email"
            key = request.json["query"]["value"]
            found = key in self.contacts and not self.vendor.forgets
            data = [json.loads(_contact(key).content)] if found else []
            return Reply(200, {"type": "list", "data": data, "total_count": len(data)})
        request.content = request.content.replace(b'"email":', b'"external_id":')
        return super().reply(request)


class TestIntercomEvents(IntercomVendor, EventContract):
    """Events of contacts, told apart by contact, name and second; nobody is created for one."""

    def reply(self, request: Request) -> Reply:
        assert request.call == "POST /events"
        event = request.json
        assert event["created_at"] == NOON.timestamp()
        if event["user_id"] in self.vendor.bad | self.vendor.poison:
            return _error(422, "parameter_invalid", f"{event['user_id']} is not valid")
        if event["user_id"] == self.key(9):
            return _error(404, "not_found", "User Not Found")
        known = f"{event['user_id']} {event['event_name']} {event['created_at']}"
        self.vendor.held[known] = (event["user_id"], event["event_name"], event["metadata"])
        return Reply(202)

    def test_who_entered_must_be_there_and_who_exited_need_not(self) -> None:
        (entered,) = self.send(self.rows(9, change="entered"))
        assert (entered.status, entered.error) == ("rejected", "Intercom knows nobody by this key")
        assert self.statuses(self.rows(9, change="exited")) == ["acknowledged"]

    def test_what_is_known_of_an_event_are_texts(self) -> None:
        self.send(self.rows(1, change="entered", spend=1.5, tags=["a"], gone=None))
        ((_, _, told),) = self.vendor.held.values()
        assert told == {"name": "Ada", "tier": "gold", "spend": "1.5", "tags": '["a"]'}
