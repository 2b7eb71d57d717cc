"""Customer.io, held against its own description: 207 answers that name rows by their places."""

import re
from typing import Any

from openapi_core import OpenAPI

from cdp_resources.destinations.events import CROCKFORD, ulid
from tests.destinations.descriptions import description
from tests.destinations.kit import NOON, AtVendor, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request


class CustomerIoVendor(AtVendor):
    """People by id."""

    answers_say_what_was_done = False
    secrets = {"CIO_SITE": "site", "CIO_KEY": "key"}
    credentials = ("authorization", "Basic c2l0ZTprZXk=")

    def description(self) -> OpenAPI:
        return description(
            "/api/v2/batch", files=("customerio/customer-io-track-api-openapi.json",), without=("discriminator",)
        )

    def key(self, n: int) -> str:
        return f"customer-{n}"

    def reply(self, request: Request) -> Reply:
        batch = request.json["batch"]
        if self.vendor.poison & {one["identifiers"]["id"] for one in batch}:
            return Reply(400, {"errors": [{"reason": "invalid", "message": "an object is not valid"}]})
        errors = []
        for place, one in enumerate(batch):
            key = one["identifiers"]["id"]
            if key in self.vendor.bad:
                why = {"reason": "invalid", "field": "id", "message": f"{key} is not valid"}
                errors.append({"batch_index": place, **why})
            else:
                self.applied(key, one)
        return Reply(207, {"errors": errors}) if errors else Reply(200, {})

    def applied(self, key: str, operation: Any) -> None:
        raise NotImplementedError


class TestCustomerIoPeople(CustomerIoVendor, DestinationContract):
    """Without a flag: people are deleted."""

    declared = {"type": "customerio", "site_env": "CIO_SITE", "key_env": "CIO_KEY"}

    def applied(self, key: str, operation: Any) -> None:
        if operation["action"] == "delete":
            self.vendor.held.pop(key, None)
        else:
            self.vendor.held[key] = operation["attributes"]


class TestCustomerIoMembers(CustomerIoVendor, DestinationContract):
    """With a flag, which is lowered only where there is somebody."""

    declared = {"type": "customerio", "site_env": "CIO_SITE", "key_env": "CIO_KEY", "member_attribute": "vip"}

    def applied(self, key: str, operation: Any) -> None:
        attributes = operation["attributes"]
        if attributes.pop("vip"):
            self.vendor.held[key] = attributes
        else:
            assert attributes == {"_update": True}
            self.vendor.held.pop(key, None)


class TestCustomerIoEvents(CustomerIoVendor, EventContract):
    """Events of people; one whose ULID was there before is ignored."""

    declared = TestCustomerIoPeople.declared

    def applied(self, key: str, operation: Any) -> None:
        assert operation["action"] == "event"
        assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", operation["id"])
        assert operation["timestamp"] == NOON.timestamp()
        self.vendor.held.setdefault(operation["id"], (key, operation["name"], operation["attributes"]))

    def test_an_id_begins_with_its_time_and_is_the_same_for_ever(self) -> None:
        ids = [ulid(row) for row in (*self.rows(1, 2), *self.rows(1))]
        assert ids[0] == ids[2] != ids[1]
        milliseconds = [CROCKFORD.index(letter) * 32**place for place, letter in enumerate(reversed(ids[0][:10]))]
        assert sum(milliseconds) == NOON.timestamp() * 1000
