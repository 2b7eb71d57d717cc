"""Google Data Manager: audiences for Google Ads and Display & Video 360 (Customer Match), hashed.

POST /v1/audienceMembers:ingest and :remove take 10,000 members. They are checked at once; an error 400 names members by
their places in `fieldViolations`. What becomes of the others GET /v1/requestStatus:retrieve says later, without names.
The request id is kept as the message id of each delivery.
https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/ingest and
https://developers.google.com/data-manager/api/devguides/diagnostics
"""

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr

from cdp_model.declared import Variable
from cdp_resources.destinations import hashing
from cdp_resources.destinations.answers import Answer, Refused, Undelivered
from cdp_resources.destinations.api import Api, ApiDestination, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Outcome, Row
from cdp_resources.destinations.outcomes import Outcomes, at, rejected
from cdp_resources.destinations.polling import patiently
from cdp_resources.environment import secret

SCOPE = "https://www.googleapis.com/auth/datamanager"
MEMBER = re.compile(r"audience_?members\[(\d+)\]", re.IGNORECASE)
REASON = "PROCESSING_ERROR_REASON_"
NOT_ABOUT_MEMBERS = {
    f"{REASON}INTERNAL_ERROR",
    f"{REASON}NO_CONSENT",
    f"{REASON}DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED",
}
"""Why Google could not work through a request, whoever is in it."""

Answered = Literal["granted", "denied"]


class GoogleAudience(ApiDestination):
    """An audience of Google, through the Data Manager API. Data is normalised and hashed before it is sent.

    Needs the extra `google`: `pip install open-cdp[google]`.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"email", "phone", "first_name", "last_name", "country", "postal_code"})

    type: Literal["google_audience"]
    url: str = Field(default="https://datamanager.googleapis.com", description="Where the API is")
    credentials_env: Variable = Field(
        default="GOOGLE_APPLICATION_CREDENTIALS",
        description="Name of the variable with the path of a service account's key file",
    )
    account_type: Literal["GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER"] = "GOOGLE_ADS"
    account_id: str = Field(description="Account that has the audience")
    login_account_id: str | None = Field(default=None, description="Manager account that the credentials belong to")
    audience_id: str = Field(description="Id of the user list")
    ad_user_data: Answered = Field(
        description="Whether the people of its syncs consent to their data being used for ads"
    )
    ad_personalization: Answered = Field(description="Whether they consent to personalised ads")
    accept_terms: bool = Field(default=False, description="You accept the Customer Match terms of service")
    identifier: Literal["email", "phone"] = Field(
        default="email", description="What the sync's `key` is: people are removed by it"
    )
    batch_size: int = Field(default=10_000, ge=1, le=10_000, description="Rows a request")
    concurrency: int = Field(default=5, ge=1, le=8, description="Batches that are sent, and waited for, together")
    outcome_seconds: float = Field(
        default=7_200,
        ge=0,
        description="How long to wait for what becomes of a request, which takes Google half an hour and more. "
        "Rows of one that takes longer are sent again. 0: what Google has accepted counts as delivered",
    )
    limits: Limits = allowed(minute=300)
    _credentials: Any = PrivateAttr(default=None)

    def account(self) -> str:
        """The account, once the credentials are there."""
        self._load()
        return f"{self.url} {self.account_id}"

    def headers(self) -> Headers:
        """A token, fresh when the old one has expired."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        credentials = self._load()
        if not credentials.valid:
            try:
                credentials.refresh(Request())
            except GoogleAuthError as error:
                raise Undelivered(f"no token: {type(error).__name__}", final=not error.retryable) from error
        return bearer(credentials.token)

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Add members, with what they consent to."""
        consent = {"adUserData": self.ad_user_data, "adPersonalization": self.ad_personalization}
        more: dict[str, Any] = {"consent": {name: f"CONSENT_{value.upper()}" for name, value in consent.items()}}
        if self.accept_terms:
            more["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return self._sent(api, "ingest", rows, more)

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Remove members."""
        return self._sent(api, "remove", rows, {})

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """A request has an id, and goes well."""
        return {"requestId": "<request>", "requestStatusPerDestination": [{"requestStatus": "SUCCESS"}]}

    def for_rehearsal(self) -> Self:
        """With the key file looked at, and no token asked for."""
        self._load()
        rehearsing = super().for_rehearsal()
        rehearsing._credentials = SimpleNamespace(valid=True, token="none")
        return rehearsing

    def _sent(self, api: Api, what: str, rows: Sequence[Row], more: dict[str, Any]) -> Outcomes:
        members = {row.key: self._identifiers(row) for row in rows}
        outcomes = {key: rejected(f"the key is no {self.identifier}") for key, known in members.items() if not known}
        usable = [row for row in rows if row.key not in outcomes]
        if not usable:
            return outcomes
        body = {
            "destinations": [self._destination()],
            "audienceMembers": [{"userData": {"userIdentifiers": members[row.key]}} for row in usable],
            "encoding": "HEX",
            **more,
        }
        answer = api.call("POST", f"/v1/audienceMembers:{what}", body, also=(400,))
        if answer.status != 400:
            request = str(answer.body["requestId"])
            if self.outcome_seconds:
                self._await(api, request)
            taken = Outcome("acknowledged", message_id=request)
            return {**dict.fromkeys((row.key for row in usable), taken), **outcomes}
        outcomes |= _violations(answer, usable)
        return {**outcomes, **self._sent(api, what, [row for row in usable if row.key not in outcomes], more)}

    def _await(self, api: Api, request: str) -> None:
        """Return once Google has worked through a request.

        Raises ``Undelivered`` where that takes too long, and ``Refused`` where it did not take some of the members: it
        does not say which, so that the batch is halved.
        """
        state = "PROCESSING"
        for _ in patiently(api, self.outcome_seconds, first=60, longest=600):
            answer = api.call("GET", "/v1/requestStatus:retrieve", params={"requestId": request}, also=(404,))
            told = {} if answer.status == 404 else answer.body["requestStatusPerDestination"][0]
            state = told.get("requestStatus", state)
            if state == "SUCCESS":
                return
            if state in ("FAILED", "PARTIAL_SUCCESS"):
                raise _failure(state, told.get("errorInfo", {}).get("errorCounts", []))
        raise Undelivered(f"Google was still at it ({state}) after {self.outcome_seconds:.0f} seconds", final=True)

    def _destination(self) -> dict[str, Any]:
        operating = {"accountType": self.account_type, "accountId": self.account_id}
        login = {"loginAccount": {"accountType": "GOOGLE_ADS", "accountId": self.login_account_id}}
        target = {"operatingAccount": operating, "productDestinationId": self.audience_id}
        return {**target, **(login if self.login_account_id else {})}

    def _identifiers(self, row: Row) -> list[dict[str, Any]]:
        """What is known of a person, the key first; nothing when the key is not usable."""
        person = {**row.fields, self.identifier: row.key}
        found = {
            "email": ("emailAddress", hashing.sha256(person.get("email"), hashing.google_email)),
            "phone": ("phoneNumber", hashing.sha256(person.get("phone"), hashing.google_phone)),
        }
        if not found[self.identifier][1]:
            return []
        address = {
            "givenName": hashing.sha256(person.get("first_name"), hashing.google_name),
            "familyName": hashing.sha256(person.get("last_name"), hashing.google_name),
            "regionCode": str(person.get("country") or "").strip().upper(),
            "postalCode": str(person.get("postal_code") or "").strip(),
        }
        whole = [{"address": address}] if all(address.values()) and len(str(address["regionCode"])) == 2 else []
        return [*({name: value} for name, value in found.values() if value), *whole]

    def _load(self) -> Any:
        try:
            from google.auth.exceptions import GoogleAuthError
            from google.oauth2.service_account import Credentials
        except ImportError:
            raise ValueError("Google's audiences need the extra `google`: pip install open-cdp[google]") from None
        if self._credentials is None:
            path = secret(self.credentials_env, "the path of a service account's key file")
            try:
                self._credentials = Credentials.from_service_account_file(path, scopes=[SCOPE])
            except (GoogleAuthError, ValueError, OSError):
                # Without its cause, which could show the key.
                raise ValueError(f"{self.credentials_env} names no key file of a service account") from None
        return self._credentials


def _failure(state: str, counts: Sequence[dict[str, Any]]) -> Exception:
    """What a request that failed means for its members: Google counts them by reason, where it gives one."""
    reasons = {str(one.get("reason")) for one in counts}
    words = f"{state}: {', '.join(sorted(reasons)).replace(REASON, '') or 'no reason given'}"
    nobody_s_fault = reasons & NOT_ABOUT_MEMBERS or (state == "FAILED" and not reasons)
    return Undelivered(words, final=True) if nobody_s_fault else Refused(words)


def _violations(answer: Answer, rows: Sequence[Row]) -> dict[str, Outcome]:
    """Members that an error names, with its words. Raises ``Undelivered`` when it is about no member at all."""
    error = answer.body.get("error", {})
    told = [one for detail in error.get("details", []) for one in detail.get("fieldViolations", [])]
    places = ((MEMBER.search(one.get("field", "")), one) for one in told)
    named = ((at(rows, place[1]), one) for place, one in places if place)
    outcomes = {row.key: rejected(one.get("description") or error["message"]) for row, one in named if row}
    if not outcomes:
        raise Undelivered(f"HTTP 400: {answer.words()}", final=True)
    return outcomes
