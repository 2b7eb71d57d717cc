"""What all destinations behind an HTTP API share: one session, patience, politeness, and the search for a bad row.

A destination is a subclass of ``ApiDestination``: its options, its headers, and `upsert` and `remove`, which send rows
and return what was *not* taken. Whatever is refused as a whole is halved until the bad row is found.
"""

import base64
import datetime as dt
import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import requests
from pydantic import Field
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import HTTPError

from cdp_resources.destinations.answers import Answer, Refused, Undelivered, Verdict
from cdp_resources.destinations.base import Destination, Outcome, Row, masked, message_id
from cdp_resources.destinations.limits import AccountLimit, Period
from cdp_resources.destinations.outcomes import Outcomes, rejected
from cdp_resources.environment import expand

BACKOFF = wait_exponential_jitter(initial=1, max=60, jitter=1)
FRUITLESS = 10
"""So many refused rows, without one that is taken, end the search: the mistake is not in the rows."""

Deliver = Callable[["Api", Sequence[Row]], Outcomes]
Headers = Mapping[str, str]
Limits = dict[Period, Annotated[int, Field(ge=1)]]


def allowed(**limits: int) -> Any:
    """The option `limits`, with what a vendor is known to allow."""
    told = "Requests that the account allows, such as `{second: 10, minute: 150}`, for all syncs together"
    return Field(default=limits, description=told)


class ApiDestination(Destination):
    """A destination behind an HTTP API."""

    url: str = Field(description="Where the API is. `${VARIABLE:-default}` is expanded")
    timeout_seconds: float = Field(default=30, gt=0, description="How long to wait for an answer")
    max_attempts: int = Field(default=5, ge=1, description="Attempts a request before its rows wait for the next run")
    concurrency: int = Field(default=1, ge=1, le=8, description="Batches that are sent at the same time")
    limits: Limits = allowed()

    def headers(self) -> Headers:
        """Sent with each request: the credentials. Raises ``ValueError`` naming a variable that is not set."""
        return {}

    def account(self) -> str:
        """What `limits` are counted for: the address and the credentials. Raises like `headers`."""
        return f"{expand(self.url)} {sorted(self.headers().items())}"

    @abstractmethod
    def upsert(self, api: "Api", rows: Sequence[Row]) -> Outcomes:
        """Make the destination hold these rows. Doing it twice must be the same as once."""

    @abstractmethod
    def remove(self, api: "Api", rows: Sequence[Row]) -> Outcomes:
        """Make the destination hold these rows no more. They have no fields; one that is not there is removed."""

    def requests_of(self, batch: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
        """What to call with which rows, removals first."""
        removals = [row for row in batch if row.change == "remove"]
        yield self.remove, removals
        yield self.upsert, [row for row in batch if row.change != "remove"]

    def rehearsed_answer(self, method: str, path: str, body: Any) -> Any:  # noqa: ARG002
        """What a good answer would say, as far as what is sent next depends on it. ``path`` is below the `url`."""
        return {}

    def for_rehearsal(self) -> Self:
        """No limits: nothing is counted and nothing waits."""
        return self.model_copy(update={"limits": {}})

    def verdict(self, answer: Answer) -> Verdict:
        """What an answer means, for vendors whose statuses do not say it."""
        return answer.verdict()

    def is_own(self, answer: Answer) -> bool:  # noqa: ARG002
        """Whether it is the vendor's answer, and not of a proxy or a wrong address. Asked of what `also` names."""
        return True

    def connect(self, sync: str, types: Mapping[str, str], as_of: dt.date | None) -> "Api":  # noqa: ARG002
        """Open a session."""
        return Api(self, sync)


@dataclass
class _Search:
    """How the sending of one batch goes: how many rows were taken and refused, and why it is over."""

    taken: int = 0
    refused: int = 0
    over: Undelivered | None = None


class Api:
    """A session with an API, for one sync."""

    def __init__(self, destination: ApiDestination, sync: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.destination, self.sync, self.sleep = destination, sync, sleep
        self.batch_size, self.concurrency = destination.batch_size, destination.concurrency
        self._url = expand(destination.url)
        if not self._url.lower().startswith(("http://", "https://")):
            raise ValueError(f"the `url` of the destination of sync `{sync}` must begin with https:// or http://")
        account = destination.account()
        self._limit = AccountLimit(account, destination.limits, sleep) if destination.limits else None
        self.session = _session(self._url)
        self._asked: Undelivered | None = None
        """The pause before the next batch that the last one was given up with."""
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Undelivered) and not error.final),
            stop=stop_after_attempt(destination.max_attempts),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    def send(self, batch: Sequence[Row]) -> list[Outcome]:
        """Send rows in as few requests as the API allows, or in more where some of them are refused."""
        outcomes: dict[str, Outcome] = {}
        asked, self._asked = self._asked, None
        if asked and asked.retry_after and not asked.final:
            self.sleep(asked.retry_after)
        search = _Search(over=asked if asked and asked.final else None)
        for deliver, rows in self.destination.requests_of(batch):
            if rows:
                outcomes |= self._deliver(search, deliver, rows)
        self._asked = search.over if search.over and search.over.retry_after else None
        return [outcomes[row.key] for row in batch]

    def call(
        self,
        method: str,
        path: str = "",
        body: Any = None,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Callable[[], Headers] = dict,
        also: Collection[int] = (),
    ) -> Answer:
        """One request, repeated while that may help. ``also`` are further statuses that the caller can read.

        Raises ``Undelivered`` and ``Refused``; both may pass through `upsert` and `remove`.
        """
        sent = {"json": body, "data": content, "params": params}
        return self._retrying(self._attempt, method, path, sent, headers, also)

    def close(self) -> None:
        """Close the session."""
        self.session.close()
        if self._limit:
            self._limit.close()

    def _deliver(self, search: "_Search", deliver: Deliver, rows: Sequence[Row]) -> dict[str, Outcome]:
        """One outcome a row; rows of a request that is refused as a whole are sent again in halves."""
        message = message_id(rows)
        try:
            if search.over:
                raise search.over
            if search.refused >= FRUITLESS and not search.taken:
                raise Undelivered(f"not tried after {FRUITLESS} rows were refused and none was taken")
            told = deliver(self, rows)
        except Undelivered as undelivered:
            search.over = undelivered
            return {row.key: Outcome("retry_later", str(undelivered), message) for row in rows}
        except Refused as refusal:
            if len(rows) > 1:
                middle = len(rows) // 2
                first = self._deliver(search, deliver, rows[:middle])
                return first | self._deliver(search, deliver, rows[middle:])
            told = {rows[0].key: rejected(str(refusal))}
        others = {row.key: _finished(row, told[row.key], message) for row in rows if row.key in told} if told else {}
        search.refused += sum(outcome.status == "rejected" for outcome in told.values())
        search.taken += len(rows) - sum(outcome.status != "acknowledged" for outcome in others.values())
        return dict.fromkeys([row.key for row in rows], Outcome("acknowledged", "", message)) | others

    def _attempt(
        self, method: str, path: str, sent: dict[str, Any], headers: Callable[[], Headers], also: Collection[int]
    ) -> Answer:
        if self._limit:
            self._limit.wait()
        seconds = self.destination.timeout_seconds
        try:
            response = self.session.request(
                method,
                f"{self._url.rstrip('/')}{path}" if path else self._url,
                headers={**self.destination.headers(), **headers()},
                timeout=seconds,
                allow_redirects=False,
                stream=True,
                **sent,
            )
            answer = Answer.read(response, seconds)
        except (requests.RequestException, HTTPError) as error:
            # The text of the error quotes the URL, which may hold a token.
            raise Undelivered(type(error).__name__) from error
        known = answer.status in also and self.destination.is_own(answer)
        verdict = "taken" if known else self.destination.verdict(answer)
        words = f"HTTP {answer.status}: {answer.words()}"
        if verdict == "again":
            raise Undelivered(f"HTTP {answer.status}", answer.retry_after())
        if verdict == "later":
            raise Undelivered(words, final=True)
        if verdict == "refused":
            raise Refused(words)
        return answer


def _session(url: str) -> requests.Session:
    """A session that has looked for proxies and certificates in the environment, instead of for each request.

    It does not look for passwords in `~/.netrc`, which would replace the destination's own.
    """
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.trust_env, session.proxies, session.verify = False, found["proxies"], found["verify"]
    return session


def each(deliver: Deliver, rows: Sequence[Row]) -> Iterator[tuple[Deliver, Sequence[Row]]]:
    """Rows one by one, for an API that takes no lists: what became of each is known whatever befalls the next."""
    return ((deliver, [row]) for row in rows)


def basic(user: str, password: str) -> Headers:
    """Headers of basic authentication (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> Headers:
    """Headers with a token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def _finished(row: Row, told: Outcome, message: str) -> Outcome:
    """What is recorded: without the row's own values, and with the id of the request."""
    return Outcome(told.status, told.error and masked(told.error, row), told.message_id or message)


def _wait(state: RetryCallState) -> float:
    """Exponential backoff with jitter, and never less than the destination asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, Undelivered) else None
    backoff = BACKOFF(state)
    return backoff if asked is None else asked + min(backoff, 1.0)
