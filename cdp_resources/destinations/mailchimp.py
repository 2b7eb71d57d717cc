"""Mailchimp: members of an audience.

POST /lists/{list_id} takes 500 members and names those that it did not take by e-mail address.
DELETE /lists/{list_id}/members/{subscriber_hash} archives one member, known by the MD5 of the address in lower case.
https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Answer
from cdp_resources.destinations.api import Api, ApiDestination, Deliver, Headers, Limits, allowed, basic, each
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.outcomes import Outcomes, rejected, told_of
from cdp_resources.environment import secret


class Mailchimp(ApiDestination):
    """Members of a Mailchimp audience, known by e-mail address; the sync's fields are merge fields. A removal archives.

    Who has unsubscribed in Mailchimp itself is not subscribed again: Mailchimp refuses the row.
    """

    type: Literal["mailchimp"]
    url: str = Field(description="`https://us6.api.mailchimp.com/3.0`, where `us6` is the end of the API key")
    key_env: Variable = Field(description="Name of the variable with the API key")
    list_id: str = Field(description="Id of the audience")
    status: Literal["subscribed", "pending", "transactional"] = Field(
        default="subscribed", description="`pending` asks members to confirm; `transactional` sends no campaigns"
    )
    batch_size: int = Field(default=500, ge=1, le=500, description="Rows a request")
    limits: Limits = allowed(second=10)

    def headers(self) -> Headers:
        """The key, as the password of anybody."""
        return basic("cdp", secret(self.key_env, "the API key of Mailchimp"))

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """Members are removed one by one."""
        yield from each(self.remove, [row for row in batch if row.change == "remove"])
        yield self.upsert, [row for row in batch if row.change != "remove"]

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Subscribe, or change merge fields. Nothing empties a merge field, so null becomes the empty text."""
        members = [
            {
                "email_address": row.key,
                "status": self.status,
                "merge_fields": {name: "" if value is None else value for name, value in row.fields.items()},
            }
            for row in rows
        ]
        answer = api.call("POST", f"/lists/{self.list_id}", {"members": members, "update_existing": True}).body
        by_key = {row.key.lower(): row for row in rows}
        return told_of(
            (by_key.get(error.get("email_address", "").lower()), rejected(error.get("error") or "no reason given"))
            for error in answer["errors"]
        )

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """All members are taken."""
        return {"errors": []}

    def is_own(self, answer: Answer) -> bool:
        """Mailchimp's errors are problems with a title (RFC 7807)."""
        return isinstance(answer.json, dict) and "title" in answer.json

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Archive; who is unknown (404) or archived (405) is removed already."""
        for row in rows:
            known_as = hashlib.md5(row.key.lower().encode(), usedforsecurity=False).hexdigest()
            api.call("DELETE", f"/lists/{self.list_id}/members/{known_as}", also=(404, 405))
        return {}
