"""The generic HTTP destination: nothing but YAML between a sync and an API."""

from typing import Any

import pytest
from pydantic import ValidationError

from cdp_model.syncs import DestinationSettings
from cdp_resources.destinations.base import Row
from tests.destinations.kit import NOON, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request

TOKEN = {"API_TOKEN": "s3cret"}


class TestHttpInBatches(DestinationContract):
    """An API that takes lists, and names by their places the rows that it does not want."""

    answers_say_what_was_done = False
    declared = {
        "type": "http",
        "headers": {"Authorization": "Token ${API_TOKEN}", "Idempotency-Key": "$sync-$message_id"},
        "batch_size": 50,
        "upsert": {
            "method": "PUT",
            "path": "/members",
            "body": {"source": "cdp", "members": "$rows"},
            "row": {"id": "$key", "name": "$fields.first_name", "label": "member $key", "all": "$fields"},
        },
        "remove": {"method": "DELETE", "path": "/members", "body": {"ids": "$rows"}, "row": "$key"},
        "missing_is_removed": False,
        "errors": {"at": "result.failed", "index": "at", "words": "why.text", "try_again": ["locked"]},
    }
    secrets = TOKEN
    credentials = ("authorization", "Token s3cret")

    def expected(self, row: Row) -> Any:
        return {"name": row.fields["first_name"], "label": f"member {row.key}", "all": row.fields}

    def reply(self, request: Request) -> Reply:
        assert request.path == "/members"
        if request.method == "DELETE":
            for key in request.json["ids"]:
                self.vendor.held.pop(key, None)
            return Reply(200, {"result": {}})
        assert request.json["source"] == "cdp"
        members = request.json["members"]
        if self.vendor.poison & {member["id"] for member in members}:
            return Reply(422, {"error": {"message": "a member is not valid"}})
        failed = []
        for place, member in enumerate(members):
            key = member.pop("id")
            if key in self.vendor.bad:
                failed.append({"at": place, "why": {"text": f"{key} is not valid"}})
            else:
                self.vendor.held[key] = member
        return Reply(200, {"result": {"failed": failed}})

    def test_the_same_changes_have_the_same_id_for_ever(self) -> None:
        for batch in (self.rows(1, 2), self.rows(2, 1), self.rows(1)):
            self.send(batch)
        first, second, third = (request.headers["idempotency-key"] for request in self.vendor.requests)
        assert first == second != third
        assert first.startswith("vips-msg_")

    def test_words_that_mean_later_reject_nothing(self) -> None:
        self.vendor.reply = lambda _: Reply(200, {"result": {"failed": [{"at": 1, "why": {"text": "row is locked"}}]}})
        assert self.statuses(self.rows(1, 2)) == ["acknowledged", "retry_later"]

    def test_an_error_that_names_no_row_halves_the_batch(self) -> None:
        def reply(request: Request) -> Reply:
            bad = any(member["id"] == self.key(2) for member in request.json["members"])
            return Reply(200, {"result": {"failed": [{"why": {"text": "one is not valid"}}] if bad else []}})

        self.vendor.reply = reply
        assert self.statuses(self.rows(1, 2, 3)) == ["acknowledged", "rejected", "acknowledged"]


class TestHttpEvents(EventContract):
    """An API that takes lists of events, by ids of ours."""

    declared = {
        "type": "http",
        "headers": {"Authorization": "Token ${API_TOKEN}"},
        "batch_size": 50,
        "upsert": {"body": "$rows"},
        "append": {
            "path": "/events",
            "body": {"events": "$rows"},
            "row": {"id": "$id", "at": "$at", "who": "$key", "what": "$sync $change", "more": "$fields"},
        },
        "errors": {"at": "failed", "key": "who"},
    }
    secrets = TOKEN
    credentials = ("authorization", "Token s3cret")

    def reply(self, request: Request) -> Reply:
        assert request.call == "POST /events"
        events = request.json["events"]
        if self.vendor.poison & {event["who"] for event in events}:
            return Reply(422, {"error": "one is not valid"})
        for event in events:
            assert event["at"] == NOON.isoformat()
            if event["who"] not in self.vendor.bad:
                self.vendor.held[event["id"]] = (event["who"], event["what"], event["more"])
        failed = [{"who": who, "message": "is not valid"} for who in sorted(self.vendor.bad)]
        return Reply(200, {"failed": failed})

    def test_events_need_a_request_to_be_declared(self) -> None:
        assert "append_events" in self.settings().supported_modes()
        assert "append_events" not in self.settings(append=None).supported_modes()


class TestHttpRowByRow(DestinationContract):
    """An API that takes one object a request, under its own address."""

    answers_with_json = answers_say_what_was_done = False
    declared = {
        "type": "http",
        "headers": {"X-Api-Key": "${API_TOKEN}"},
        "upsert": {"method": "PUT", "path": "/people/$key", "body": "$fields"},
        "remove": {"method": "DELETE", "path": "/people/$key"},
    }
    secrets = TOKEN
    credentials = ("x-api-key", "s3cret")

    def key(self, n: int) -> str:
        return f"a/da {n}"

    def reply(self, request: Request) -> Reply:
        assert request.path.startswith("/people/a%2Fda%20")
        key = f"a/da {request.path[-1]}"
        if request.method == "DELETE":
            return Reply(204 if self.vendor.held.pop(key, None) else 404)
        if key in self.vendor.bad | self.vendor.poison:
            return Reply(400, {"errors": [{"detail": f"{key} is not valid"}]})
        self.vendor.held[key] = request.json
        return Reply(204)

    def send(self, rows: Any, **options: Any) -> Any:
        """One row a batch."""
        return [outcome for row in rows for outcome in super(TestHttpRowByRow, self).send([row], **options)]

    def test_expired_credentials_cost_one_request_and_reject_nothing(self) -> None:
        self.vendor.credentials = (self.credentials[0], "something else")
        assert self.statuses(self.rows(1)) == ["retry_later"]

    def test_an_outage_leaves_every_row_for_later(self) -> None:
        self.vendor.script.extend(["503", "reset"])
        assert self.statuses(self.rows(1)) == ["retry_later"]


def http(**options: Any) -> DestinationSettings:
    """Settings of an API that nobody calls."""
    return DestinationSettings.kinds["http"].model_validate({"type": "http", "url": "http://x", **options})


def test_only_one_that_can_remove_can_mirror() -> None:
    assert http(upsert={"body": "$fields"}).supported_modes() == ("upsert",)
    assert "mirror" in http(upsert={"body": "$fields"}, remove={"path": "/$key"}).supported_modes()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"upsert": {"body": "$fields"}, "batch_size": 2}, "`upsert` is about one row"),
        ({"upsert": {"body": "$rows"}, "remove": {"path": "/$key"}, "batch_size": 2}, "`remove` is about one row"),
        (
            {"upsert": {"body": "$fields"}, "headers": {"Authorization": "Bearer abc"}},
            "secrets come from the environment",
        ),
        ({"upsert": {"body": "$fields"}, "headers": {"X-Who": "$key"}}, "is for all rows of a request"),
        ({"upsert": {"body": "$fields"}, "limits": {"second": 0}}, "greater than or equal to 1"),
        ({"upsert": {"body": "$fields"}, "remove": {"path": "/$fields.id"}}, "has no `\\$fields`"),
        ({"upsert": {"body": "$fields"}, "errors": {"at": "errors"}}, "by which of `index` and `key`"),
    ],
)
def test_what_cannot_work_is_refused_before_it_runs(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        http(**options)
