"""Customer.io, held against its own description: 207 answers that name rows by their places."""

from typing import Any

from openapi_core import OpenAPI

from tests.destinations.descriptions import description
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply, Request


class CustomerIoVendor(DestinationContract):
    """People by id."""

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


class TestCustomerIoPeople(CustomerIoVendor):
    """Without a flag: people are deleted."""

    declared = {"type": "customerio", "site_env": "CIO_SITE", "key_env": "CIO_KEY"}

    def applied(self, key: str, operation: Any) -> None:
        if operation["action"] == "delete":
            self.vendor.held.pop(key, None)
        else:
            self.vendor.held[key] = operation["attributes"]


class TestCustomerIoMembers(CustomerIoVendor):
    """With a flag, which is lowered only where there is somebody."""

    declared = {"type": "customerio", "site_env": "CIO_SITE", "key_env": "CIO_KEY", "member_attribute": "vip"}

    def applied(self, key: str, operation: Any) -> None:
        attributes = operation["attributes"]
        if attributes.pop("vip"):
            self.vendor.held[key] = attributes
        else:
            assert attributes == {"_update": True}
            self.vendor.held.pop(key, None)
