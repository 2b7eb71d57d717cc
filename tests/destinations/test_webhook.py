"""Webhooks: the kit's tests, with a receiver that verifies each message and remembers its id."""

from typing import Any

from standardwebhooks import Webhook

from cdp_resources.destinations.base import Row
from tests.destinations.kit import AtVendor, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class WebhookVendor(AtVendor):
    """A receiver; one message id is one body for ever."""

    declared = {"type": "webhook", "secret_env": "HUB_SECRET"}
    secrets = {"HUB_SECRET": SECRET}
    credentials = ("content-type", "application/json")
    answers_with_json = answers_say_what_was_done = False

    def begin(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def reply(self, request: Request) -> Reply:
        message = Webhook(SECRET).verify(request.content, request.headers)
        assert self.bodies.setdefault(request.headers["webhook-id"], request.content) == request.content
        changes = message["changes"]
        if self.vendor.poison & {change["key"] for change in changes}:
            return Reply(400, {"error": "a row is not valid"})
        refused = [change["key"] for change in changes if change["key"] in self.vendor.bad]
        for change in changes:
            if change["key"] not in refused:
                self.applied(message["sync"], change)
        return Reply(200, {"rejected": [{"key": key, "error": f"{key} is not valid"} for key in refused]})

    def applied(self, sync: str, change: Any) -> None:
        raise NotImplementedError


class TestWebhook(WebhookVendor, DestinationContract):
    """Rows by key."""

    def expected(self, row: Row) -> Any:
        return row.fields

    def applied(self, _: str, change: Any) -> None:
        if change["change"] == "remove":
            self.vendor.held.pop(change["key"], None)
        else:
            self.vendor.held[change["key"]] = change["fields"]

    def test_a_number_of_any_size_arrives_as_it_is(self) -> None:
        rows = [row._replace(fields={"points": 2**70, "name": "Zoë"}) for row in self.rows(1)]
        assert self.statuses(rows) == ["acknowledged"]
        assert self.vendor.held == {row.key: row.fields for row in rows}


class TestWebhookEvents(WebhookVendor, EventContract):
    """Events by their ids."""

    def applied(self, sync: str, change: Any) -> None:
        name = f"{sync} {change['change']}"
        self.vendor.held[change["id"]] = (change["key"], name, change["fields"])
