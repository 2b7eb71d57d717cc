"""Google Data Manager, held against its own protocol buffers: hashed members, consent, and violations by place."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cdp_resources.destinations.base import Row
from tests.destinations.descriptions import proto_schema
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply, Request

MESSAGES = {"ingest": "IngestAudienceMembersRequest", "remove": "RemoveAudienceMembersRequest"}


def sha(text: str) -> str:
    """Hex of the SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1)
def private_key() -> str:
    """A key, as in the key file of a service account."""
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class TestGoogleAudience(DestinationContract):
    """A user list by hashed e-mail address."""

    declared = {
        "type": "google_audience", "account_id": "1", "login_account_id": "2", "audience_id": "3",
        "ad_user_data": "granted", "ad_personalization": "denied", "accept_terms": True,
    }  # fmt: skip
    secrets = {"GOOGLE_APPLICATION_CREDENTIALS": "replaced below"}
    credentials = ("authorization", "Bearer ya29")
    fields = {"phone": "+1 800 555 0100"}

    @contextmanager
    def running(self, patch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
        """With the key file of a service account, and tokens for it."""
        with super().running(patch, home):
            key = {"type": "service_account", "client_email": "cdp@example.com", "private_key": private_key(),
                   "private_key_id": "1", "project_id": "p", "token_uri": f"{self.vendor.url}/token"}  # fmt: skip
            (home / "key.json").write_text(json.dumps(key))
            patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "key.json"))
            self.tokens = self.vendor.tokens = {
                "/token": {"access_token": "ya29", "expires_in": 3600, "token_type": "Bearer"}
            }
            yield

    def begin(self) -> None:
        self.statuses_of: dict[str, list[Any]] = {}
        """What is answered about a request, the last of it for ever; by default that it went well."""
        self.doomed: set[str] = set()
        """Keys of members whom Google does not take after all."""
        self.number = count(1)
        self.states = proto_schema("google", "RequestStatus")["enum"]
        self.reasons = proto_schema("google", "ProcessingErrorReason")["enum"]
        self.described = {what: proto_schema("google", message) for what, message in MESSAGES.items()}

    def key_of(self, hashed: str) -> str:
        return next(self.key(n) for n in range(20) if sha(self.key(n)) == hashed)

    def expected(self, row: Row) -> Any:
        digits = "".join(one for one in row.fields["phone"] if one.isdigit())
        return [{"phoneNumber": sha(f"+{digits}")}] if digits else []

    def reply(self, request: Request) -> Reply:
        if request.path == "/v1/requestStatus:retrieve":
            return self.told(request.query["requestId"])
        what = request.path.removeprefix("/v1/audienceMembers:")
        body = request.json
        jsonschema.validate(body, self.described[what])
        destination = {"operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1"}, "productDestinationId": "3"}
        assert body["destinations"] == [destination | {"loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "2"}}]
        assert body["encoding"] == "HEX"
        if what == "ingest":
            assert body["consent"] == {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"}
            assert body["termsOfService"] == {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        known = [member["userData"]["userIdentifiers"] for member in body["audienceMembers"]]
        people = {self.key_of(identifiers[0]["emailAddress"]): identifiers[1:] for identifiers in known}
        unwanted = (self.vendor.bad | self.vendor.poison) & set(people)
        if unwanted:
            places = [place for place, key in enumerate(people) if key in unwanted]
            return _invalid([f"audience_members.audience_members[{place}].user_data" for place in places])
        number = f"request-{next(self.number)}"
        failed = self.doomed & set(people)
        if failed:
            self.statuses_of.setdefault(number, [partly("INVALID_FORMAT", len(failed))])
        for key, identifiers in people.items():
            if key in failed:
                continue
            if what == "ingest":
                self.vendor.held[key] = identifiers
            else:
                self.vendor.held.pop(key, None)
        return Reply(200, {"requestId": number})

    def told(self, number: str) -> Reply:
        """What became of a request."""
        waiting = self.statuses_of.setdefault(number, [{"requestStatus": "SUCCESS"}])
        status = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if status is None:
            return Reply(404, {"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}})
        assert status["requestStatus"] in self.states
        assert all(one["reason"] in self.reasons for one in status.get("errorInfo", {}).get("errorCounts", []))
        return Reply(200, {"requestStatusPerDestination": [status]})

    def test_a_request_is_asked_about_until_google_has_worked_through_it(self) -> None:
        processing = {"requestStatus": "PROCESSING"}
        self.statuses_of["request-1"] = [None, processing, processing, {"requestStatus": "SUCCESS"}]
        assert self.statuses(self.rows(1, 2)) == ["acknowledged"] * 2
        assert self.pauses == [60, 90, 135]

    def test_a_request_that_takes_too_long_leaves_its_rows_for_later(self) -> None:
        self.statuses_of["request-1"] = [{"requestStatus": "PROCESSING"}]
        (outcome,) = self.send(self.rows(1), outcome_seconds=300)
        assert (outcome.status, outcome.error) == (
            "retry_later",
            "Google was still at it (PROCESSING) after 300 seconds",
        )
        assert sum(self.pauses) == 300

    def test_members_whom_google_does_not_take_after_all_are_found_by_halving(self) -> None:
        self.doomed = {self.key(3)}
        outcomes = self.send(self.rows(1, 2, 3, 4))
        assert [outcome.status for outcome in outcomes] == ["acknowledged", "acknowledged", "rejected", "acknowledged"]
        assert outcomes[2].error == "PARTIAL_SUCCESS: INVALID_FORMAT"
        assert set(self.vendor.held) == {self.key(n) for n in (1, 2, 4)}

    def test_a_failure_that_is_nobody_s_fault_rejects_nobody(self) -> None:
        for number, failure in enumerate([partly("INTERNAL_ERROR", 1), {"requestStatus": "FAILED"}], 1):
            self.statuses_of[f"request-{number}"] = [failure]
            assert self.statuses(self.rows(1, 2)) == ["retry_later"] * 2

    def test_who_does_not_want_to_wait_takes_what_is_accepted_for_delivered(self) -> None:
        self.statuses_of["request-1"] = [{"requestStatus": "PROCESSING"}]
        assert {outcome.status for outcome in self.send(self.rows(1), outcome_seconds=0)} == {"acknowledged"}
        assert len(self.vendor.requests) == 1

    def test_the_id_of_the_request_is_kept(self) -> None:
        assert {outcome.message_id for outcome in self.send(self.rows(1, 2))} == {"request-1"}

    def test_rows_that_google_names_are_left_out_of_the_next_request(self) -> None:
        self.vendor.bad = {self.key(n) for n in (1, 3, 5, 7)}
        statuses = self.statuses(self.rows(*range(10)))
        assert [n for n, status in enumerate(statuses) if status == "rejected"] == [1, 3, 5, 7]
        assert [request.method for request in self.vendor.requests] == ["POST", "POST", "GET"]

    def test_an_address_is_sent_when_it_is_whole(self) -> None:
        self.vendor.reply = lambda _: Reply(200, {"requestId": "r"})
        whole = {"first_name": "Dana", "last_name": "O'Hara", "country": "us", "postal_code": "94045"}
        self.send([*self.rows(1, **whole), *self.rows(2, first_name="Dana")], outcome_seconds=0)
        first, second = (one["userData"]["userIdentifiers"] for one in self.vendor.requests[0].json["audienceMembers"])
        hashed = {"givenName": sha("dana"), "familyName": sha("ohara"), "regionCode": "US", "postalCode": "94045"}
        assert first[2:] == [{"address": hashed}]
        assert second[2:] == []

    def test_an_error_about_the_list_rejects_nobody(self) -> None:
        self.vendor.reply = lambda _: _invalid(["destinations.destinations[0].product_destination_id"])
        assert self.statuses(self.rows(1, 2)) == ["retry_later"] * 2
        assert len(self.vendor.requests) == 1

    def test_no_token_leaves_the_rows_for_later(self) -> None:
        self.tokens["/token"] = {"error": "invalid_grant"}
        outcomes = self.send(self.rows(1))
        assert [(outcome.status, outcome.error) for outcome in outcomes] == [("retry_later", "no token: RefreshError")]

    def test_a_file_that_is_no_key_is_named_by_its_variable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "bad.json").write_text('{"type": "s3cret"}')
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "bad.json"))
        with pytest.raises(ValueError, match="GOOGLE_APPLICATION_CREDENTIALS names no key file") as caught:
            self.settings().account()
        assert "s3cret" not in str(caught.value)


def partly(reason: str, members: int) -> dict[str, Any]:
    """The status of a request of which Google did not take all."""
    counts = [{"recordCount": str(members), "reason": f"PROCESSING_ERROR_REASON_{reason}"}]
    return {"requestStatus": "PARTIAL_SUCCESS", "errorInfo": {"errorCounts": counts}}


def _invalid(fields: list[str]) -> Reply:
    violations = [
        {"field": field, "description": "the value is not valid", "reason": "INVALID_FORMAT"} for field in fields
    ]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
    message = "There was a problem with the request."
    return Reply(400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}})
