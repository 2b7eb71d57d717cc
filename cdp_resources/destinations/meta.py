"""Meta: customer file custom audiences, hashed.

POST and DELETE /{audience_id}/users take 10,000 people: `payload` with `schema` and `data`, and a `session`. The answer
counts entries that are not valid and does not say which. Errors have a `code`, whatever their status.
https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/custom-audience/users
"""

import secrets
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations import hashing
from cdp_resources.destinations.answers import Answer, Refused, Verdict
from cdp_resources.destinations.api import Api, ApiDestination, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.outcomes import Outcomes, rejected
from cdp_resources.environment import secret

SCHEMA: dict[str, tuple[str, hashing.Normalise]] = {
    "EMAIL": ("email", hashing.meta_email),
    "PHONE": ("phone", hashing.meta_phone),
    "FN": ("first_name", hashing.meta_name),
    "LN": ("last_name", hashing.meta_name),
    "DOBY": ("date_of_birth", hashing.date_part(0)),
    "DOBM": ("date_of_birth", hashing.date_part(1)),
    "DOBD": ("date_of_birth", hashing.date_part(2)),
    "GEN": ("gender", hashing.meta_gender),
    "CT": ("city", hashing.meta_place),
    "ST": ("region", hashing.meta_place),
    "ZIP": ("postal_code", hashing.meta_postal_code),
    "COUNTRY": ("country", hashing.meta_country),
}
"""Meta's name of a key → our field, and what happens to it before it is hashed. EXTERN_ID is not hashed."""

BUSY = {1, 2, 4, 17, 32, 341, 613, *range(80_000, 80_015)}
"""Error codes that pass: too many calls, or a fault of theirs."""

NOT_ABOUT_PEOPLE = {3, 10, 102, 104, 190, 294, 368, 2650, *range(200, 300)}
"""Permissions and tokens."""

BLOCKED_AUDIENCE = 1713230


class MetaAudience(ApiDestination):
    """A customer file custom audience of Meta. All but `external_id` is normalised and hashed before it is sent."""

    takes: ClassVar[frozenset[str]] = frozenset({field for field, _ in SCHEMA.values()} | {"external_id"})

    type: Literal["meta_audience"]
    url: str = Field(default="https://graph.facebook.com/v25.0", description="Graph API with its version")
    token_env: Variable = Field(description="Name of the variable with the access token, permission `ads_management`")
    audience_id: str = Field(description="Id of the custom audience")
    identifier: Literal["email", "phone", "external_id"] = Field(
        default="email", description="What the sync's `key` is: people are removed by it"
    )
    batch_size: int = Field(default=10_000, ge=1, le=10_000, description="Rows a request")
    limits: Limits = allowed(second=5)

    def headers(self) -> Headers:
        """The token."""
        return bearer(secret(self.token_env, "an access token of Meta's Marketing API"))

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Add people."""
        return self._sent(api, "POST", rows)

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Remove people."""
        return self._sent(api, "DELETE", rows)

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """All entries are valid."""
        return {"num_invalid_entries": 0}

    def verdict(self, answer: Answer) -> Verdict:
        """By the code of the error."""
        body = answer.json
        error = body.get("error") if isinstance(body, dict) and answer.status >= 400 else None
        if not isinstance(error, dict):
            return answer.verdict()
        if error.get("is_transient") or error.get("code") in BUSY:
            return "again"
        about_people = error.get("code") not in NOT_ABOUT_PEOPLE and error.get("error_subcode") != BLOCKED_AUDIENCE
        return answer.verdict() if about_people else "later"

    def _sent(self, api: Api, method: str, rows: Sequence[Row]) -> Outcomes:
        people = [{**row.fields, self.identifier: row.key} for row in rows]
        known = {key: [hashing.sha256(one.get(field), how) for one in people] for key, (field, how) in SCHEMA.items()}
        known["EXTERN_ID"] = [str(one["external_id"]) if one.get("external_id") else None for one in people]
        wanted = {"email": "EMAIL", "phone": "PHONE", "external_id": "EXTERN_ID"}[self.identifier]
        usable = [place for place, value in enumerate(known[wanted]) if value]
        outcomes = {
            row.key: rejected(f"the key is no {self.identifier} that Meta takes")
            for row, value in zip(rows, known[wanted], strict=True)
            if not value
        }
        if usable:
            schema = [key for key, values in known.items() if any(values)]
            data = [[known[key][place] or "" for key in schema] for place in usable]
            self._posted(api, method, schema, data)
        return outcomes

    def _posted(self, api: Api, method: str, schema: list[str], data: list[list[str]]) -> None:
        # Each request is a session of its own: it is acknowledged, or sent again, by itself.
        session: dict[str, Any] = {"session_id": secrets.randbits(53), "batch_seq": 1, "last_batch_flag": True}
        body = {"payload": {"schema": schema, "data": data}, "session": {**session, "estimated_num_total": len(data)}}
        answer = api.call(method, f"/{self.audience_id}/users", body).body
        if answer["num_invalid_entries"]:
            raise Refused("Meta found that the entry is not valid")
