"""Klaviyo, held against its own description: import jobs that finish later, and their errors."""

import json
import re
from itertools import count
from typing import Any
from urllib.parse import unquote

from openapi_core import OpenAPI

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import description
from tests.destinations.kit import NOON, AtVendor, DestinationContract, EventContract
from tests.destinations.vendor import Reply, Request

JOBS = "/api/profile-bulk-import-jobs"
PATHS = (
    JOBS,
    f"{JOBS}/{{job_id}}",
    f"{JOBS}/{{id}}/import-errors",
    "/api/profiles",
    "/api/lists/{id}/relationships/profiles",
)
WHEN = "2026-09-30T12:00:00+00:00"
LINKS = {"self": "https://a.klaviyo.com/api"}


class KlaviyoVendor(AtVendor):
    """An account with the list L1."""

    declared = {"type": "klaviyo", "key_env": "KLAVIYO_KEY", "list_id": "L1"}
    secrets = {"KLAVIYO_KEY": "pk_test"}
    credentials = ("authorization", "Klaviyo-API-Key pk_test")
    fields = {"first_name": "Ada", "tier": "gold"}


class TestKlaviyo(KlaviyoVendor, DestinationContract):
    """A list of profiles; a job is done when it is asked about for the second time."""

    looks_up = True

    def begin(self) -> None:
        self.profiles: dict[str, Any] = {}
        self.jobs: dict[str, list[Any]] = {}
        self.asked: dict[str, int] = {}
        self.number = count(1)
        self.page_size = 1

    def description(self) -> OpenAPI:
        return description(*PATHS, files=("klaviyo/categories-profiles.json", "klaviyo/categories-lists.json"))

    def expected(self, row: Row) -> Any:
        known = {name: value for name, value in row.fields.items() if name != "tier"}
        return {**known, "properties": {"tier": row.fields["tier"]}, "email": row.key}

    def reply(self, request: Request) -> Reply:
        assert request.headers["revision"] == "2026-07-15"
        if request.call == f"POST {JOBS}":
            return self.started(request.json["data"])
        if request.path.endswith("/import-errors"):
            return self.errors(request.path.split("/")[3], int(request.query.get("page[cursor]", 0)))
        if request.path.startswith(JOBS):
            return self.progress(request.path.rsplit("/", 1)[-1])
        if request.path == "/api/profiles":
            found = re.fullmatch(r"any\(email,(\[.*\])\)", request.query["filter"])
            assert found
            known = [{"type": "profile", "id": f"id-{key}", "attributes": {}, "links": LINKS}
                     for key in json.loads(found[1]) if key in self.profiles and not self.vendor.forgets]  # fmt: skip
            return _reply(200, {"data": known, "links": LINKS})
        assert request.call == "DELETE /api/lists/L1/relationships/profiles"
        for profile in request.json["data"]:
            self.vendor.held.pop(profile["id"].removeprefix("id-"), None)
        return Reply(204)

    def started(self, job: Any) -> Reply:
        assert job["relationships"]["lists"]["data"] == [{"type": "list", "id": "L1"}]
        profiles = [profile["attributes"] for profile in job["attributes"]["profiles"]["data"]]
        if self.vendor.poison & {profile["email"] for profile in profiles}:
            return _reply(
                400, {"errors": [{"id": "1", "code": "invalid", "title": "x", "detail": "a profile is not valid"}]}
            )
        errors = []
        for place, profile in enumerate(profiles):
            if profile["email"] in self.vendor.bad:
                errors.append((place, profile))
            else:
                self.profiles[profile["email"]] = self.vendor.held[profile["email"]] = profile
        job_id = f"job{next(self.number)}"
        self.jobs[job_id] = errors
        return _job(202, job_id, "queued", 0)

    def progress(self, job_id: str) -> Reply:
        self.asked[job_id] = self.asked.get(job_id, 0) + 1
        return _job(200, job_id, "complete" if self.asked[job_id] > 1 else "processing", len(self.jobs[job_id]))

    def errors(self, job_id: str, start: int) -> Reply:
        page = self.jobs[job_id][start : start + self.page_size]
        data = [
            {"type": "import-error", "id": str(place), "attributes": {
                "code": "invalid", "title": "Invalid input", "detail": f"{profile['email']} is not valid",
                "source": {"pointer": f"/data/attributes/profiles/data/{place}" if place % 2 else "/data"},
                "original_payload": profile}}
            for place, profile in page
        ]  # fmt: skip
        more = start + self.page_size < len(self.jobs[job_id])
        following = {"next": f"https://a.klaviyo.com/api?page%5Bcursor%5D={start + self.page_size}"} if more else {}
        return _reply(200, {"data": data, "links": {**LINKS, **following}})

    def test_a_job_is_waited_for(self) -> None:
        self.send(self.rows(1))
        assert [unquote(request.path) for request in self.vendor.requests] == [JOBS, f"{JOBS}/job1", f"{JOBS}/job1"]
        assert self.pauses == [1.0]

    def test_a_job_that_takes_too_long_leaves_its_rows_for_later(self) -> None:
        self.asked["job1"] = -1_000
        outcomes = self.send(self.rows(1), job_seconds=5)
        assert [(outcome.status, outcome.error) for outcome in outcomes] == [
            ("retry_later", "the import job was not complete after 5 seconds")
        ]

    def test_errors_are_read_to_the_last_page_whichever_way_they_name_their_rows(self) -> None:
        self.vendor.bad = {self.key(1), self.key(2), self.key(4)}
        outcomes = self.send(self.rows(1, 2, 3, 4))
        assert [outcome.status for outcome in outcomes] == ["rejected", "rejected", "acknowledged", "rejected"]
        assert {outcome.error for outcome in outcomes} == {"", "<key> is not valid"}
        assert len(self.jobs) == 1


class TestKlaviyoEvents(KlaviyoVendor, EventContract):
    """Events of profiles: a request with one that was there before is refused, and the error points at its id."""

    def description(self) -> OpenAPI:
        return description("/api/event-bulk-create-jobs", files=("klaviyo/categories-events.json",))

    def reply(self, request: Request) -> Reply:
        events = [
            (profile["profile"]["data"]["attributes"]["email"], profile["events"]["data"][0]["attributes"])
            for profile in (
                one["attributes"] for one in request.json["data"]["attributes"]["events-bulk-create"]["data"]
            )
        ]
        if (self.vendor.poison | self.vendor.bad) & {key for key, _ in events}:
            return _refused("a profile is not valid", {"pointer": "/data"})
        seen = [place for place, (_, event) in enumerate(events) if event["unique_id"] in self.vendor.held]
        if seen:
            at = "/data/attributes/events-bulk-create/data/{}/attributes/events/data/0/attributes/unique_id"
            return _refused("the event is there", *({"pointer": at.format(place)} for place in seen))
        for key, event in events:
            assert event["time"] == NOON.isoformat()
            name = event["metric"]["data"]["attributes"]["name"]
            self.vendor.held[event["unique_id"]] = (key, name, event["properties"])
        return Reply(202)

    def test_a_request_has_a_thousand_events(self) -> None:
        many = self.rows(*range(1_001), change="entered")
        assert set(self.statuses(many)) == {"acknowledged"}
        assert len(self.vendor.requests) == 2


def _refused(words: str, *sources: dict[str, str]) -> Reply:
    errors = [{"id": "1", "code": "invalid", "title": "x", "detail": words, "source": source} for source in sources]
    return _reply(400, {"errors": errors})


def _reply(status: int, body: Any) -> Reply:
    return Reply(status, body, media_type="application/vnd.api+json")


def _job(status: int, job_id: str, state: str, failed: int) -> Reply:
    attributes = {"status": state, "created_at": WHEN, "total_count": 9, "failed_count": failed}
    data = {"type": "profile-bulk-import-job", "id": job_id, "attributes": attributes, "links": LINKS}
    return _reply(status, {"data": data, "links": LINKS})
