"""Klaviyo: profiles, who of them is in a list, and events.

POST /api/profile-bulk-import-jobs takes 10,000 profiles and 5 MB, and works through them later: the job is polled, and
its import-errors name rows by a pointer or by what was sent. DELETE /api/lists/{id}/relationships/profiles takes 1,000
profile ids, which GET /api/profiles?filter=any(…) finds, 100 a page.
POST /api/event-bulk-create-jobs takes 1,000 events.
https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Refused, Undelivered
from cdp_resources.destinations.api import Api, Headers, Limits, allowed
from cdp_resources.destinations.base import Row, in_parts
from cdp_resources.destinations.events import EventDestination
from cdp_resources.destinations.outcomes import Outcomes, at, rejected, told_of
from cdp_resources.destinations.polling import found, patiently
from cdp_resources.environment import secret

JOBS = "/api/profile-bulk-import-jobs"
ATTRIBUTES = {
    "email", "phone_number", "external_id", "first_name", "last_name", "organization", "locale", "image", "location",
}  # fmt: skip
"""Fields that Klaviyo knows; every other one becomes a custom property."""

POINTER = re.compile(r"/profiles/data/(\d+)")
SEEN_BEFORE = re.compile(r"/events-bulk-create/data/(\d+)/.*/unique_id$")
"""What an error points at when Klaviyo has the event already: it refuses the others with it."""


class Klaviyo(EventDestination):
    """Profiles in Klaviyo, and their membership of a list. A removal takes the profile off the list."""

    events_a_request: ClassVar[int | None] = 1_000

    type: Literal["klaviyo"]
    url: str = Field(default="https://a.klaviyo.com", description="Where the API is")
    key_env: Variable = Field(description="Name of the variable with the private API key")
    list_id: str = Field(description="List that members are put on")
    identifier: Literal["email", "phone_number", "external_id"] = Field(
        default="email", description="What the sync's `key` is"
    )
    batch_size: int = Field(default=5_000, ge=1, le=10_000, description="Rows a job")
    job_seconds: float = Field(
        default=600, gt=0, description="How long to wait for a job before its rows are sent again"
    )
    revision: str = Field(default="2026-07-15", description="Revision of the API")
    limits: Limits = allowed(second=10, minute=150)

    def headers(self) -> Headers:
        """Key, revision and media type."""
        key = secret(self.key_env, "the private API key of Klaviyo")
        media_type = "application/vnd.api+json"
        return {
            "authorization": f"Klaviyo-API-Key {key}",
            "revision": self.revision,
            "accept": media_type,
            "content-type": media_type,
        }

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Import the profiles into the list, and wait for what becomes of each."""
        job = {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": [self._profile(row) for row in rows]}},
            "relationships": {"lists": {"data": [{"type": "list", "id": self.list_id}]}},
        }
        job_id = str(api.call("POST", JOBS, {"data": job}).body["data"]["id"])
        if not self._finished(api, job_id)["failed_count"]:
            return {}
        return told_of(self._errors(api, job_id, rows))

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Find the profiles and take them off the list; who is unknown, and not new, is removed already."""

        def look(part: Sequence[Row]) -> list[str]:
            wanted = f"any({self.identifier},{json.dumps([row.key for row in part], ensure_ascii=False)})"
            params = {"filter": wanted, "page[size]": "100", "fields[profile]": "id"}
            return [str(profile["id"]) for profile in api.call("GET", "/api/profiles", params=params).body["data"]]

        ids = [one for part in in_parts(rows, 100) for one in found(api, part, partial(look, part))]
        for some in in_parts(ids, 1_000):
            data = [{"type": "profile", "id": one} for one in some]
            api.call("DELETE", f"/api/lists/{self.list_id}/relationships/profiles", {"data": data})
        return {}

    def append(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Send events; those that Klaviyo has already are left out, and the others sent again."""
        events = {"events-bulk-create": {"data": [self._event(api, row) for row in rows]}}
        job = {"data": {"type": "event-bulk-create-job", "attributes": events}}
        answer = api.call("POST", "/api/event-bulk-create-jobs", job, also=(400,))
        if answer.status != 400:
            return {}
        places = {
            SEEN_BEFORE.search(str((error.get("source") or {}).get("pointer"))) for error in answer.body["errors"]
        }
        if None in places or not places:
            raise Refused(answer.words())
        seen = {int(place[1]) for place in places if place}
        new = [row for place, row in enumerate(rows) if place not in seen]
        return self.append(api, new) if new else {}

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """Jobs are complete, and profiles that are asked for are there."""
        if path == JOBS:
            return {"data": {"id": "<job>"}}
        if path.startswith(JOBS):
            return {"data": {"attributes": {"status": "complete", "failed_count": 0}}}
        return {"data": [{"id": "<ids of the profiles that are found>"}]}

    def _profile(self, row: Row) -> dict[str, Any]:
        known = {name: value for name, value in row.fields.items() if name in ATTRIBUTES}
        custom = {name: value for name, value in row.fields.items() if name not in ATTRIBUTES}
        properties = {"properties": custom} if custom else {}
        return {"type": "profile", "attributes": {**known, **properties, self.identifier: row.key}}

    def _event(self, api: Api, row: Row) -> dict[str, Any]:
        happened = {
            "metric": {"data": {"type": "metric", "attributes": {"name": self.name_of(api, row)}}},
            "properties": row.fields,
            "time": row.at.isoformat(timespec="seconds"),
            "unique_id": row.idempotency_id,
        }
        profile = {"data": {"type": "profile", "attributes": {self.identifier: row.key}}}
        events = {"data": [{"type": "event", "attributes": happened}]}
        return {"type": "event-bulk-create", "attributes": {"profile": profile, "events": events}}

    def _finished(self, api: Api, job_id: str) -> dict[str, Any]:
        """The job's attributes once it is complete, asked for ever more rarely."""
        for _ in patiently(api, self.job_seconds, first=1, longest=15):
            job: dict[str, Any] = api.call("GET", f"{JOBS}/{job_id}").body["data"]["attributes"]
            if job["status"] == "complete":
                return job
            if job["status"] == "cancelled":
                raise Undelivered("the import job was cancelled")
        raise Undelivered(f"the import job was not complete after {self.job_seconds:.0f} seconds")

    def _errors(self, api: Api, job_id: str, rows: Sequence[Row]) -> Iterator[tuple[Row | None, Any]]:
        by_key = {row.key: row for row in rows}
        params: dict[str, str] = {"page[size]": "100"}
        while True:
            page = api.call("GET", f"{JOBS}/{job_id}/import-errors", params=params).body
            for error in page["data"]:
                said = error["attributes"]
                place = POINTER.search(str(said["source"].get("pointer")))
                sent = said.get("original_payload") or {}
                row = at(rows, place[1]) if place else by_key.get(str(sent.get(self.identifier)))
                yield row, rejected(said["detail"])
            following = re.search(
                r"page(?:\[|%5B)cursor(?:\]|%5D)=([^&]+)", (page.get("links") or {}).get("next") or ""
            )
            if not following:
                return
            params["page[cursor]"] = following[1]
