"""Braze, which has no public description: the shapes of its reference, with errors in good answers."""

from typing import Any

from tests.destinations.kit import NOON, AtVendor, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request


class BrazeVendor(AtVendor):
    """Users by external id. https://www.braze.com/docs/api/endpoints/user_data/post_user_track"""

    answers_say_what_was_done = False
    declared = {"type": "braze", "key_env": "BRAZE_KEY"}
    secrets = {"BRAZE_KEY": "key"}
    credentials = ("authorization", "Bearer key")

    def key(self, n: int) -> str:
        return f"customer-{n}"

    def reply(self, request: Request) -> Reply:
        if request.call == "POST /users/delete":
            assert len(request.json["external_ids"]) <= 50
            for key in request.json["external_ids"]:
                self.vendor.held.pop(key, None)
            return Reply(201, {"message": "success", "deleted": len(request.json["external_ids"])})
        assert request.call == "POST /users/track"
        ((what, users),) = request.json.items()
        assert len(users) <= 75
        if self.vendor.poison & {user["external_id"] for user in users}:
            return Reply(400, {"message": "an attribute is not valid", "errors": []})
        errors = []
        for place, user in enumerate(users):
            key = user.pop("external_id")
            if key in self.vendor.bad:
                errors.append({"type": f"{key} is not valid", "input_array": what, "index": place})
            else:
                self.applied(key, user)
        told = {"errors": errors} if errors else {}
        return Reply(201, {"message": "success", f"{what}_processed": len(users) - len(errors), **told})

    def applied(self, key: str, user: Any) -> None:
        raise NotImplementedError


class TestBrazeUsers(BrazeVendor, DestinationContract):
    """Without a flag: users are deleted."""

    def applied(self, key: str, user: Any) -> None:
        assert user.pop("_update_existing_only") is False
        self.vendor.held[key] = user

    def test_users_are_deleted_fifty_at_a_time(self) -> None:
        self.send(self.rows(*range(75)))
        assert set(self.statuses(self.rows(*range(75), change="remove"))) == {"acknowledged"}
        assert self.vendor.held == {}


class TestBrazeMembers(BrazeVendor, DestinationContract):
    """With a flag, which is lowered only where there is somebody."""

    declared = {"type": "braze", "key_env": "BRAZE_KEY", "member_attribute": "vip"}

    def applied(self, key: str, user: Any) -> None:
        existing_only, member = user.pop("_update_existing_only"), user.pop("vip")
        assert existing_only is not member
        if member:
            self.vendor.held[key] = user
        else:
            self.vendor.held.pop(key, None)


class TestBrazeByEmail(BrazeVendor, DestinationContract):
    """Known by e-mail address, users are deleted by it too."""

    declared = {"type": "braze", "key_env": "BRAZE_KEY", "identifier": "email"}

    def reply(self, request: Request) -> Reply:
        if request.call == "POST /users/delete":
            for address in request.json["email_addresses"]:
                self.vendor.held.pop(address["email"], None)
            return Reply(201, {"message": "success", "deleted": 1})
        request.content = request.content.replace(b'"email":', b'"external_id":')
        return super().reply(request)

    def applied(self, key: str, user: Any) -> None:
        user.pop("_update_existing_only")
        self.vendor.held[key] = user


class TestBrazeEvents(BrazeVendor, EventContract):
    """Events of users, told apart by user, name and time; who exited is not created."""

    def applied(self, key: str, user: Any) -> None:
        assert user["_update_existing_only"] is user["name"].endswith("exited")
        assert user["time"] == NOON.isoformat()
        self.vendor.held[f"{key} {user['name']} {user['time']}"] = (key, user["name"], user["properties"])
