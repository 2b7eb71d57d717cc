"""Slack: a summary to people, without anybody's data.

POST /api/chat.postMessage answers 200 whatever happens; `ok: false` has the name of the `error`.
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from string import Template
from typing import Annotated, Any, Literal

from pydantic import Field

from cdp_model.declared import Variable
from cdp_resources.destinations.answers import Answer, Verdict
from cdp_resources.destinations.api import Api, ApiDestination, Deliver, Headers, Limits, allowed, bearer
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.events import known_names
from cdp_resources.destinations.outcomes import Outcomes
from cdp_resources.environment import secret

PASSING = {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}


class Slack(ApiDestination):
    """A message to a Slack channel each time that people joined, changed or left: how many, never who.

    A message whose answer was lost may be posted twice.
    """

    type: Literal["slack"]
    url: str = Field(default="https://slack.com/api", description="Where the API is")
    token_env: Variable = Field(description="Name of the variable with the bot token (xoxb-…), scope `chat:write`")
    channel: str = Field(description="Id of the channel, such as C0123456789; the bot must be in it")
    text: Annotated[str, known_names("sync", "added", "updated", "removed")] = Field(
        default="*$sync*: $added joined, $removed left, $updated changed",
        description="The message, with `$sync`, `$added`, `$updated` and `$removed`",
    )
    batch_size: int = Field(default=50_000, ge=1, description="People a message")
    limits: Limits = allowed(second=1)

    def headers(self) -> Headers:
        """The token."""
        return bearer(secret(self.token_env, "the bot token of Slack"))

    def supported_modes(self) -> tuple[str, ...]:
        """Who left is news as well. Of events there are only those who came and left."""
        return ("mirror", "append_events")

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """One message for all."""
        yield self.upsert, batch

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Post the message."""
        counts = Counter(row.change for row in rows)
        text = Template(self.text).substitute(
            sync=api.sync,
            added=counts["add"] + counts["entered"],
            updated=counts["update"],
            removed=counts["remove"] + counts["exited"],
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
