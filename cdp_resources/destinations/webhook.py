"""Webhooks: batches of changes as HTTP requests, signed as Standard Webhooks 1.0.0 prescribes.

A 2xx answer acknowledges every row that its body does not name under `rejected`.
"""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import orjson
import standardwebhooks
from pydantic import Field

from cdp_model.declared import Variable
from cdp_model.syncs import STATES
from cdp_resources.destinations.answers import Answer
from cdp_resources.destinations.api import Api, ApiDestination, Deliver, Headers
from cdp_resources.destinations.base import Row, change_of, message_id
from cdp_resources.destinations.outcomes import Outcomes, rejected
from cdp_resources.environment import secret


class Webhook(ApiDestination):
    """HTTP requests signed as Standard Webhooks prescribes, with a batch of rows each."""

    type: Literal["webhook"]
    url: str = Field(description="Where to post. `${VARIABLE:-default}` is expanded")
    secret_env: Variable = Field(description="Name of the environment variable with the signing secret (whsec_…)")
    batch_size: int = Field(default=500, ge=1, le=10_000, description="Rows a request")

    def headers(self) -> Headers:
        """The signers exist, so the secret is one."""
        assert self._signers()
        return {"content-type": "application/json"}

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """One request for all changes: each says itself what it is."""
        yield self.upsert, batch

    def supported_modes(self) -> tuple[str, ...]:
        """All: whoever reads the changes knows what to do with them."""
        return (*STATES, "append_events")

    def asset_kinds(self) -> set[str]:
        """No vendor, but requests."""
        return {"requests"}

    def upsert(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """Post the changes; the answer may name rows that are rejected."""
        message = message_id(rows)
        changes = [change_of(row) for row in rows]
        body = _json({"sync": api.sync, "changes": changes})
        answer = api.call("POST", content=body, headers=lambda: self._signed(message, body.decode()))
        return {key: rejected(words) for key, words in _refused_rows(answer).items()}

    def remove(self, api: Api, rows: Sequence[Row]) -> Outcomes:
        """As `upsert`: one request is for all changes."""
        return self.upsert(api, rows)

    def _signed(self, message: str, body: str) -> Headers:
        """Headers of one attempt: the time is signed as well, so each attempt has its own."""
        now = dt.datetime.now(dt.UTC)
        return {
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message, now, body) for signer in self._signers()),
        }

    def _signers(self) -> list[standardwebhooks.Webhook]:
        """One for each secret: while a secret is changed, old and new stand in the variable with a space between."""
        secrets = secret(self.secret_env, "the secret that signs the webhook (whsec_…)").split()
        try:
            return [standardwebhooks.Webhook(one) for one in secrets]
        except Exception:
            # Without its cause, which could show the secret.
            raise ValueError(
                f"the environment variable {self.secret_env} is no signing secret: whsec_ and then base64"
            ) from None


def _json(body: dict[str, Any]) -> bytes:
    """The body as JSON. The faster of the two refuses whole numbers of more than 64 bits."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return json.dumps(body).encode()


def _refused_rows(answer: Answer) -> dict[str, str]:
    """Keys that a 2xx answer names under `rejected`, with its words."""
    body = answer.json
    named = body.get("rejected") if isinstance(body, dict) else None
    rows = [row for row in named if isinstance(row, dict)] if isinstance(named, list) else []
    return {str(row.get("key")): str(row.get("error") or "rejected, without a reason") for row in rows}
