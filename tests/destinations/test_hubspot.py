"""HubSpot, held against its own description."""

from typing import Any

from openapi_core import OpenAPI

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import description
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply, Request

CONTACTS = "/crm/v3/objects/contacts/batch"
LIST = "/crm/v3/lists/{listId}/memberships"
WHEN = "2026-09-30T12:00:00Z"


class HubSpotVendor(DestinationContract):
    """Contacts by e-mail address; their ids have a prefix."""

    looks_up = True
    secrets = {"HUBSPOT_TOKEN": "pat-eu1-test"}
    credentials = ("authorization", "Bearer pat-eu1-test")

    def description(self) -> OpenAPI:
        paths = [f"{CONTACTS}/{what}" for what in ("upsert", "read", "archive")] + [
            f"{LIST}/{w}" for w in ("add", "remove")
        ]
        return description(*paths, files=("hubspot/v3-contacts.json", "hubspot/v3-lists.json"))

    def reply(self, request: Request) -> Reply:
        what = request.path.rsplit("/", 1)[-1]
        if request.path.startswith("/crm/v3/lists/7/"):
            return self.listed(what, request.json)
        asked = request.json["inputs"]
        keys = [one["id"].removeprefix("id-") for one in asked]
        if self.vendor.poison & set(keys):
            error = {"category": "VALIDATION_ERROR", "correlationId": "7b2c3b1e-6b1f-4b1e-9b1f-7b2c3b1e6b1f"}
            return Reply(400, {"status": "error", "message": "a property is not valid", **error})
        if what == "archive":
            for key in keys:
                self.vendor.held.pop(key, None)
            return Reply(204)
        if what == "read":
            known = {} if self.vendor.forgets else self.contacts
            unknown = [key for key in keys if key not in known]
            errors = [_error("OBJECT_NOT_FOUND", "not found", {"ids": unknown})] if unknown else []
            return _answer([key for key in keys if key in known], errors, asked)
        errors = []
        for one in asked:
            if one["id"] in self.vendor.bad:
                context = {"objectWriteTraceId": [one["objectWriteTraceId"]]}
                errors.append(_error("VALIDATION_ERROR", f"Email {one['id']} is not valid", context))
            else:
                self.contacts[one["id"]] = one["properties"]
        return _answer([key for key in keys if key not in self.vendor.bad], errors, asked)

    @property
    def contacts(self) -> dict[str, Any]:
        """Where contacts are: without a list, what counts."""
        return self.vendor.held

    def listed(self, what: str, ids: list[str]) -> Reply:
        raise NotImplementedError


def _answer(keys: list[str], errors: list[Any], asked: list[Any]) -> Reply:
    traces = {one["id"]: one.get("objectWriteTraceId", "") for one in asked}
    results = [
        {"id": f"id-{key}", "properties": {}, "createdAt": WHEN, "updatedAt": WHEN, "archived": False, "new": True,
         "objectWriteTraceId": traces[key]} for key in keys
    ]  # fmt: skip
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": WHEN, "completedAt": WHEN}
    return Reply(207, {**body, "numErrors": len(errors), "errors": errors}) if errors else Reply(200, body)


def _error(category: str, message: str, context: dict[str, list[str]]) -> dict[str, Any]:
    empty: dict[str, Any] = {"errors": [], "links": {}}
    return {"status": "error", "category": category, "message": message, "context": context, **empty}


class TestHubSpotContacts(HubSpotVendor):
    """Without a list: the contacts themselves."""

    declared = {"type": "hubspot", "token_env": "HUBSPOT_TOKEN"}

    def expected(self, row: Row) -> Any:
        return {"email": row.key, **row.fields}

    def test_properties_are_texts(self) -> None:
        self.send(self.rows(1, spend=12.5, vip=True, tags=["a", "b"], gone=None))
        properties = self.vendor.held[self.key(1)]
        assert (properties["spend"], properties["vip"], properties["tags"], properties["gone"]) == (
            "12.5",
            "true",
            "a;b",
            "",
        )

    def test_a_row_that_hubspot_could_not_look_at_is_left_for_later(self) -> None:
        self.vendor.reply = lambda request: _answer(
            [self.key(1)], [_error("RATE_LIMITS", "slow down", {"objectWriteTraceId": ["1"]})], request.json["inputs"]
        )
        assert self.statuses(self.rows(1, 2)) == ["acknowledged", "retry_later"]


class TestHubSpotList(HubSpotVendor):
    """With a list: membership, and contacts stay."""

    declared = {"type": "hubspot", "token_env": "HUBSPOT_TOKEN", "list_id": "7"}

    @property
    def contacts(self) -> dict[str, Any]:
        return self.__dict__.setdefault("known", {})

    def expected(self, row: Row) -> Any:
        return {"email": row.key, **row.fields}

    def listed(self, what: str, ids: list[str]) -> Reply:
        for one in ids:
            key = one.removeprefix("id-")
            if what == "add":
                self.vendor.held[key] = self.contacts[key]
            else:
                self.vendor.held.pop(key, None)
        added, removed = (ids, []) if what == "add" else ([], ids)
        return Reply(200, {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": []})
