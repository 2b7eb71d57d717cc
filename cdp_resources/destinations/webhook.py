"""Webhooks: batches of changes as HTTP requests, signed as Standard Webhooks 1.0.0 prescribes.

A 2xx answer acknowledges every row that its body does not name under `rejected`. A refusal that may be about the
rows halves the batch until the bad row is found. Everything else leaves the rows for a later run.
"""

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from standardwebhooks import Webhook
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from cdp_model.syncs import WebhookDestination
from cdp_resources.destinations.base import (
    DestinationMisconfigured,
    Outcome,
    Row,
    masked,
    message_id,
    without_personal_data,
)
from cdp_resources.environment import expand

TRY_AGAIN = {408, 425, 429}
NOT_ABOUT_ROWS = {401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 428, 431, 451}
"""Client errors that would be the same for any row: the wrong secret, the wrong address, the wrong contract."""

LONGEST_WAIT_SECONDS = 300.0
"""A destination that asks for a longer pause gets it by the next run, not by a run that sleeps."""

BACKOFF = wait_exponential_jitter(initial=1, max=60, jitter=1)


class Undelivered(Exception):
    """A request that was not answered, or answered with something that says nothing about its rows."""

    def __init__(self, words: str, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(words)
        self.retry_after = retry_after
        self.final = final or (retry_after or 0) > LONGEST_WAIT_SECONDS


class SignedWebhook:
    """One URL that takes batches of changes, over one kept-alive connection."""

    def __init__(self, settings: WebhookDestination, sync: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.batch_size = settings.batch_size
        self._sync = sync
        self._url = expand(settings.url)
        if not self._url.lower().startswith(("http://", "https://")):
            raise DestinationMisconfigured(
                f"the `url` of the destination of sync `{sync}` must begin with https:// or http://"
            )
        self._signers = _signers(settings.secret_env)
        self._timeout = settings.timeout_seconds
        self._session = requests.Session()
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Undelivered) and not error.final),
            stop=stop_after_attempt(settings.max_attempts),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    def send(self, batch: Sequence[Row]) -> list[Outcome]:
        """Send rows in one request, or in several where some of them are refused."""
        message = message_id(batch)
        body = json.dumps({"sync": self._sync, "changes": [_change(row) for row in batch]}, separators=(",", ":"))
        try:
            response = self._retrying(self._post, message, body)
        except Undelivered as undelivered:
            return [Outcome("retry_later", str(undelivered), message)] * len(batch)
        if response.ok:
            refused = _refused_rows(response)
            return [_outcome(row, refused.get(row.key), message) for row in batch]
        if len(batch) == 1:
            words = f"HTTP {response.status_code}: {_words(response)}"
            return [Outcome("rejected", masked(words, batch[0]), message)]
        middle = len(batch) // 2
        return self.send(batch[:middle]) + self.send(batch[middle:])

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _post(self, message: str, body: str) -> requests.Response:
        """One attempt: the answer when it is a yes or a refusal of rows, else ``Undelivered``."""
        now = dt.datetime.now(dt.UTC)
        signatures = " ".join(signer.sign(message, now, body) for signer in self._signers)
        headers = {
            "content-type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signatures,
        }
        try:
            response = self._session.post(
                self._url, data=body.encode(), headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            # The text of the error quotes the URL, which may hold a token.
            raise Undelivered(type(error).__name__) from error
        status = response.status_code
        if response.ok and status < 300:
            return response
        if status in TRY_AGAIN or status >= 500:
            raise Undelivered(f"HTTP {status}", _retry_after(response))
        if status < 400 or status in NOT_ABOUT_ROWS:
            raise Undelivered(f"HTTP {status}: {without_personal_data(_words(response))}", final=True)
        return response


def _signers(secret_env: str) -> list[Webhook]:
    """One signer for each secret: while a secret is changed, old and new stand in the variable with a space between."""
    secrets = os.environ.get(secret_env, "").split()
    if not secrets:
        raise DestinationMisconfigured(
            f"the environment variable {secret_env} is not set: it holds the secret that signs the webhook (whsec_…)"
        )
    try:
        return [Webhook(secret) for secret in secrets]
    except Exception:
        # Without its cause, which could show the secret.
        raise DestinationMisconfigured(
            f"the environment variable {secret_env} is no signing secret: whsec_ and then base64"
        ) from None


def _change(row: Row) -> dict[str, Any]:
    return {"change": row.change, "key": row.key, "fields": row.fields}


def _outcome(row: Row, error: str | None, message: str) -> Outcome:
    if error is None:
        return Outcome("acknowledged", "", message)
    return Outcome("rejected", masked(error, row), message)


def _refused_rows(response: requests.Response) -> dict[str, str]:
    """Keys that a 2xx answer names under `rejected`, with its words."""
    answer = _json(response)
    rejected = answer.get("rejected") if isinstance(answer, dict) else None
    rows = [row for row in rejected if isinstance(row, dict)] if isinstance(rejected, list) else []
    return {str(row.get("key")): str(row.get("error") or "rejected, without a reason") for row in rows}


def _words(response: requests.Response) -> str:
    answer = _json(response)
    if isinstance(answer, dict):
        for name in ("error", "message", "detail"):
            if isinstance(answer.get(name), str):
                return str(answer[name])
    return response.text[:2000] or str(response.reason)


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the destination asked to wait: `Retry-After` as a number or as a date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())


def _wait(state: RetryCallState) -> float:
    """Exponential backoff with jitter, and never less than the destination asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, Undelivered) else None
    backoff = BACKOFF(state)
    return backoff if asked is None else asked + min(backoff, 1.0)
