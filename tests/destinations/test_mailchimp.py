"""Mailchimp, held against its own description: batches of members, and archiving one by one."""

import hashlib
from typing import Any

from openapi_core import OpenAPI

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import description
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply, Request


class TestMailchimp(DestinationContract):
    """Members by e-mail address."""

    declared = {"type": "mailchimp", "key_env": "MAILCHIMP_KEY", "list_id": "a1"}
    secrets = {"MAILCHIMP_KEY": "key-us6"}
    credentials = ("authorization", "Basic Y2RwOmtleS11czY=")
    fields = {"FNAME": "Ada"}

    def description(self) -> OpenAPI:
        file = "mailchimp/mailchimp-list-id-api-openapi.yml"
        return description("/lists/{list_id}", "/lists/{list_id}/members/{subscriber_hash}", files=(file,))

    def expected(self, row: Row) -> Any:
        return {"email_address": row.key, "status": "subscribed", "merge_fields": row.fields}

    def reply(self, request: Request) -> Reply:
        if request.method == "DELETE":
            by_hash = {hashlib.md5(key.encode()).hexdigest(): key for key in self.vendor.held}
            found = by_hash.get(request.path.removeprefix("/lists/a1/members/"))
            if found is None:
                return _problem(404, "The requested resource could not be found.")
            del self.vendor.held[found]
            return Reply(204)
        assert request.json["update_existing"] is True
        members = request.json["members"]
        if self.vendor.poison & {member["email_address"] for member in members}:
            return _problem(400, "The resource submitted is not valid.")
        errors = []
        for member in members:
            if member["email_address"] in self.vendor.bad:
                why = {"error": f"{member['email_address']} is not valid", "error_code": "ERROR_GENERIC"}
                errors.append(
                    {"email_address": member["email_address"].upper(), **why, "field": "", "field_message": ""}
                )
            else:
                self.vendor.held[member["email_address"]] = member
        counts = {"total_created": 0, "total_updated": 0, "error_count": len(errors)}
        return Reply(200, {"new_members": [], "updated_members": [], "errors": errors, **counts})

    def test_removals_after_an_outage_are_not_tried_one_by_one(self) -> None:
        self.vendor.script.extend(["good", "503", "503"])
        statuses = self.statuses(self.rows(1, 2, 3, 4, change="remove"))
        assert statuses == ["acknowledged", "retry_later", "retry_later", "retry_later"]
        assert len(self.vendor.requests) == 3


def _problem(status: int, detail: str) -> Reply:
    body = {
        "type": "https://mailchimp.com/developer/",
        "title": "T",
        "status": status,
        "detail": detail,
        "instance": "i",
    }
    return Reply(status, body)
