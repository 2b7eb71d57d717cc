"""What an HTTP destination answered, and what that means for the rows of the request."""

import datetime as dt
import json
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import requests

from cdp_resources.destinations.base import without_personal_data

Verdict = Literal["taken", "refused", "again", "later"]
"""Taken; refused, perhaps because of a row; try again soon; not before somebody has mended something."""

TRY_AGAIN = {408, 425, 429}
NOT_ABOUT_ROWS = {401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 428, 431, 451}
"""Client errors that would be the same for any row: the wrong secret, the wrong address, the wrong contract."""

LONGEST_WAIT_SECONDS = 300.0
"""A destination that asks for a longer pause gets it by the next run, not by a run that sleeps."""


class Undelivered(Exception):
    """A request that was not answered, or answered with something that says nothing about its rows."""

    def __init__(self, words: str, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(without_personal_data(words))
        self.retry_after = retry_after
        self.final = final or (retry_after or 0) > LONGEST_WAIT_SECONDS


class Refused(Exception):
    """A request that was refused as a whole, perhaps because of one of its rows."""


class Described(dict[str, Any]):
    """An object of an answer. Raises ``Undelivered`` for what is not there: nobody knows then what was taken."""

    def __missing__(self, name: str) -> Any:
        raise Undelivered(f"the answer has no `{name}`")


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and text of a response."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, response: requests.Response, seconds: float) -> "Answer":
        """Read a streamed response to its end. Raises ``Undelivered`` when that takes longer than ``seconds``."""
        deadline, content = time.monotonic() + seconds, bytearray()
        headers = {name.lower(): value for name, value in response.headers.items()}
        # As it arrives: a read of a certain size would wait for the last byte of it.
        while chunk := response.raw.read1(65_536, decode_content=True):
            content += chunk
            if time.monotonic() > deadline:
                response.close()
                raise Undelivered(
                    "the answer did not end in time", cls(response.status_code, "", headers).retry_after()
                )
        return cls(response.status_code, content.decode(errors="replace"), headers)

    @property
    def json(self) -> Any:
        """The body, or None where it is no JSON."""
        try:
            return json.loads(self.text, object_hook=Described)
        except ValueError:
            return None

    @property
    def body(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ``Undelivered`` when it is none: nobody knows then what was taken."""
        found = self.json
        if not isinstance(found, dict):
            raise Undelivered(f"HTTP {self.status}, but the answer is no JSON object")
        return found

    def words(self) -> str:
        """What the destination says in it, in whichever of the usual places."""
        return said(self.json) or self.text[:2000] or "no reason given"

    def verdict(self) -> Verdict:
        """What the status means where a vendor has no meaning of its own."""
        if self.status in TRY_AGAIN or self.status >= 500:
            return "again"
        if self.status < 300:
            return "taken"
        return "later" if self.status < 400 or self.status in NOT_ABOUT_ROWS else "refused"

    def retry_after(self) -> float | None:
        """Seconds that the destination asked to wait: `Retry-After` as a number or as a date."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdigit():
            return float(value)
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
        return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())


def said(body: Any) -> str:
    """The words in the JSON of an error: `error`, `message`, `detail`, `reason`, `title`, or those of its `errors`."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(said, body[:3])))
    if not isinstance(body, dict):
        return ""
    named = (said(body.get(name)) for name in ("message", "detail", "reason", "error", "errors", "title", "code"))
    return next(filter(None, named), "")
