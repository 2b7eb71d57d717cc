"""Slack: a summary to people, without anybody's data.

POST /api/chat.postMessage answers 200 whatever happens; `ok: false` has the name of the `error`.
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from string import Template
from typing import Any, Literal

from pydantic import Field, field_validator

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Answer, Verdict
from cdp_resources.destinations.api import Api, ApiDestination, Deliver, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.outcomes import Outcomes
from cdp_resources.environment import secret

COUNTS = {"sync", "added", "updated", "removed"}
PASSING = {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}


class Slack(ApiDestination):
    """A message to a Slack channel each time that people joined, changed or left: how many, never who.

    A message whose answer was lost may be posted twice.
    """

    type: Literal["slack"]
    url: str = Field(default="https://slack.com/api", description="Where the API is")
    token_env: Variable = Field(description="Name of the variable with the bot token (xoxb-…), scope `chat:write`")
    channel: str = Field(description="Id of the channel, such as C0123456789; the bot must be in it")
    text: str = Field(
        default="*$sync*: $added joined, $removed left, $updated changed",
        description="The message, with `$sync`, `$added`, `$updated` and `$removed`",
    )
    batch_size: int = Field(default=50_000, ge=1, description="People a message")
    limits: Limits = allowed(second=1)

    @field_validator("text")
    @classmethod
    def _has_known_names(cls, text: str) -> str:
        unknown = sorted(set(Template(text).get_identifiers()) - COUNTS)
        if unknown or not Template(text).is_valid():
            raise ValueError(f"`$` may stand before {', '.join(sorted(COUNTS))}, and `$$` is a dollar")
        return text

    def headers(self) -> Headers:
        """The token."""
        return bearer(secret(self.token_env, "the bot token of Slack"))

    def supported_modes(self) -> tuple[str, ...]:
        """Who left is news as well."""
        return ("mirror",)

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """One message for all."""
        yield self.upsert, batch

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Post the message."""
        counts = Counter(row.change for row in rows)
        text = Template(self.text).substitute(
            sync=api.sync, added=counts["add"], updated=counts["update"], removed=counts["remove"]
        )
        api.call("POST", "/chat.postMessage", {"channel": self.channel, "text": text})
        return {}

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """As `upsert`: one request is for all changes."""
        return self.upsert(api, rows)

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """Slack says so."""
        return {"ok": True}

    def verdict(self, answer: Answer) -> Verdict:
        """Nothing that Slack says is about a person."""
        if answer.verdict() != "taken":
            return "later" if answer.verdict() == "refused" else answer.verdict()
        body = answer.json if isinstance(answer.json, dict) else {}
        if body.get("ok") is True:
            return "taken"
        return "again" if body.get("error") in PASSING else "later"
