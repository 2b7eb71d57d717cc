"""What a destination would be sent, without sending it: its own code, over a session that answers by itself.

Where the next request depends on an answer, such as the id that a vendor gives a contact, the answer is the one of
`ApiDestination.rehearsed_answer`: everything is taken, and ids are words in angle brackets.
"""

import base64
import datetime as dt
import io
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import requests
from pydantic import BaseModel
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from cdp_resources.destinations import connect
from cdp_resources.destinations.api import Api, ApiDestination
from cdp_resources.destinations.base import Connection, Destination
from cdp_resources.destinations.files import ChangeFiles
from cdp_resources.environment import PLACEHOLDER, expand

SECRET = re.compile(r"authorization|cookie|key|token|secret|signature|password", re.IGNORECASE)
PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True)
class Rehearsed:
    """One request, or one file that would be put (PUT). Secrets are masked; personal data is not."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


def rehearse(
    settings: Destination,
    sync: str,
    types: Mapping[str, str],
    as_of: dt.date | None,
    record: Callable[[Rehearsed], None],
) -> Connection:
    """A connection that records and sends nothing. Raises ``DestinationMisconfigured`` as a real one would."""
    secrets = _secrets(settings)

    def masked(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> None:
        shown = {name: "***" if SECRET.search(name) else _hide(value, secrets) for name, value in headers.items()}
        record(Rehearsed(method, _hide(url, secrets), shown, _readable(body, secrets)))

    connection = connect(settings.for_rehearsal(), sync, types, as_of)
    if isinstance(connection, Api):
        assert isinstance(settings, ApiDestination)
        connection.sleep = lambda _: None
        for scheme in ("http://", "https://"):
            connection.session.mount(scheme, _Answering(settings, masked))
    elif isinstance(connection, ChangeFiles):
        connection.storage = _Shown(expand(connection.folder), masked)
    else:
        raise NotImplementedError(f"{type(connection).__name__} cannot be rehearsed")
    return connection


def seconds_at_least(requests_needed: int, limits: Mapping[Any, int]) -> int:
    """How long so many requests take where an account allows ``limits`` of them; answers take their time besides."""
    waits = (max(0, requests_needed - 1) // count * PERIODS[period] for period, count in limits.items())
    return max(waits, default=0)


class _Answering(HTTPAdapter):
    """The end of a session: no connection is ever opened."""

    def __init__(self, destination: ApiDestination, record: Callable[..., None]) -> None:
        super().__init__()
        self._destination, self._record = destination, record

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        method, url = str(request.method), str(request.url)
        self._record(method, url, dict(request.headers), request.body)
        path = url.removeprefix(expand(self._destination.url).rstrip("/")).partition("?")[0]
        answer = json.dumps(self._destination.rehearsed_answer(method, path, _json(request.body)))
        raw = HTTPResponse(io.BytesIO(answer.encode()), status=200, preload_content=False)
        return self.build_response(request, raw)


class _Shown:
    """A storage that keeps nothing."""

    def __init__(self, url: str, record: Callable[..., None]) -> None:
        self._url, self._record = url.rstrip("/"), record

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Record what would be put where."""
        self._record("PUT", f"{self._url}/{folder}/{name}", {}, content)

    def close(self) -> None:
        """Nothing is open."""


def _secrets(settings: BaseModel) -> dict[str, str]:
    """Value → name of the variables that hold secrets of a destination."""
    names = {str(value) for key, value in settings.model_dump().items() if key.endswith("_env") and value}
    texts = [str(value) for value in settings.model_dump().values()]
    written = {match["name"] for text in texts for match in PLACEHOLDER.finditer(text)}
    sent = {match["name"] for match in PLACEHOLDER.finditer(str(getattr(settings, "headers_sent", "")))}
    names |= sent | {name for name in written if SECRET.search(name)}
    return {value: name for name in names if len(value := os.environ.get(name, "").strip()) > 3}


def _hide(text: str, secrets: Mapping[str, str]) -> str:
    for value, name in secrets.items():
        text = text.replace(value, f"<{name}>")
    return text


def _readable(body: bytes | str | None, secrets: Mapping[str, str]) -> Any:
    if body is None:
        return None
    try:
        text = _hide(body if isinstance(body, str) else body.decode(), secrets)
    except UnicodeDecodeError:
        assert isinstance(body, bytes)
        return {"base64": base64.b64encode(body).decode()}
    found = _json(text)
    return text if found is None else found


def _json(body: bytes | str | None) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
