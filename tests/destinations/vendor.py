"""A local server that stands for a vendor: holds every request against its description, and misbehaves on demand."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.testing import MockRequest, MockResponse

from cdp_resources.destinations.base import in_parts
from tests.destinations.descriptions import SERVER


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)

    @property
    def call(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    pause: float = 0
    """Seconds between the twenty parts that it comes in."""

    @property
    def content(self) -> bytes:
        """The body as bytes; None is an empty one."""
        return b"" if self.body is None else json.dumps(self.body).encode()


class Held(dict[str, Any]):
    """Rows by key. ``writes`` are those since somebody looked; with ``last`` the connection breaks after so many."""

    writes: set[str]
    last: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.writes = set()

    def __setitem__(self, key: str, row: Any) -> None:
        self._count()
        self.writes.add(key)
        super().__setitem__(key, row)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a row."""
        self._count()
        return super().pop(key, *default)

    def _count(self) -> None:
        if self.last == 0:
            raise ConnectionResetError
        self.last = None if self.last is None else self.last - 1


class Vendor:
    """Holds rows by key. ``script`` has a mood for each coming request; after its end all is well.

    Moods: a status with an optional `Retry-After` (`429 7`); `reset` the connection; `lost`: do it, then reset;
    `partly`: do it for one row, then reset; `garbled`: do it, then answer something that is no JSON; `strange`: do it,
    then answer JSON that says nothing; `twice`: do it twice, as for a request that a proxy repeats, and say all of it
    twice; `slow`: do it, then answer bit by bit in less than a tenth of a second; `drip`: in two seconds;
    `forgets`: not know for ``FORGETS`` seconds who was added; `smaller`: from now on, no more than one row a request;
    `busier`: from now on, no more than two requests a second.
    """

    FORGETS, BUSIER = 30, 2

    def __init__(self, api: OpenAPI | None, reply: Callable[[Request], Reply], credentials: tuple[str, str]) -> None:
        self.api, self.reply, self.credentials = api, reply, credentials
        self.held = Held()
        self.tokens: dict[str, dict[str, Any]] = {}
        self.bad: set[str] = set()
        self.poison: set[str] = set()
        self.script: deque[str] = deque()
        self.clock: Callable[[], float] = time.monotonic
        self.rows_on_their_way = 1
        self.smaller = self.busier = False
        self.found_again = -1e9
        self._lately: deque[float] = deque(maxlen=self.BUSIER)
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: Request) -> Reply:
        """As the script has it; then as the vendor would, and as its description says. Tokens are there for all."""
        if request.path in self.tokens:
            token = self.tokens[request.path]
            return Reply(200 if "access_token" in token else 400, token)
        self.requests.append(request)
        mood = self.script.popleft() if self.script else "good"
        if mood == "reset":
            raise ConnectionResetError
        if mood[:3].isdigit():
            return Reply(int(mood[:3]), {"message": "not now"}, {"retry-after": mood[4:]} if mood[4:] else {})
        self.smaller, self.busier = self.smaller or mood == "smaller", self.busier or mood == "busier"
        if mood == "forgets" and self.clock() > self.found_again + 10 * self.FORGETS:
            self.found_again = self.clock() + self.FORGETS
        if self.busier and len(self._lately) == self.BUSIER and self.clock() - self._lately[0] < 1:
            return Reply(429, {"message": "so many requests are allowed no more"})
        self._lately.append(self.clock())
        if self.smaller and self.rows_on_their_way > 1:
            return Reply(413, {"message": "so many rows are allowed no more"})
        name, value = self.credentials
        if request.headers.get(name) != value:
            return Reply(401, {"message": "the credentials are wrong"})
        self.held.last = 1 if mood == "partly" else None
        reply = self._described(request)
        if mood == "twice":
            reply = self._described(request)
            return replace(reply, body=_doubled(reply.body))
        if mood in ("slow", "drip"):
            return replace(reply, pause=0.001 if mood == "slow" else 0.1)
        if mood == "lost":
            raise ConnectionResetError
        if mood == "strange":
            return Reply(200, {"status": "fine"})
        return Reply(reply.status, "<html>", media_type="text/html") if mood == "garbled" else reply

    @property
    def forgets(self) -> bool:
        """Whether it finds nobody at the moment."""
        return self.clock() < self.found_again

    def _described(self, request: Request) -> Reply:
        asked = MockRequest(
            SERVER, request.method, request.path, args=request.query, headers=request.headers,
            data=request.content or None, content_type=request.headers.get("content-type", "application/json"),
        )  # fmt: skip
        if self.api:
            self._check(lambda api: api.validate_request(asked), request)
        reply = self.reply(request)
        if self.api and reply.status != 204:
            given = MockResponse(reply.content, status_code=reply.status, content_type=reply.media_type)
            self._check(lambda api: api.validate_response(asked, given), request, reply.status)
        return reply

    def _check(self, validate: Callable[[OpenAPI], None], request: Request, status: int = 0) -> None:
        assert self.api
        try:
            validate(self.api)
        except ResponseNotFound:
            # Descriptions seldom list every error that there is.
            assert status >= 400, f"{request.call} is never answered with {status}"
        except OpenAPIError as error:
            why = [one.message for one in getattr(error.__cause__, "schema_errors", [])] or [error.__cause__]
            self.violations.append(f"{request.call}: {str(error)[:300]}: {str(why)[:1000]}")

    def __enter__(self) -> "Vendor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _any(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                parts = urlsplit(self.path)
                reply = vendor.answer(Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, content))
                self.send_response(reply.status)
                for name, value in {"content-type": reply.media_type, **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.content)))
                self.end_headers()
                for part in in_parts(reply.content, len(reply.content) // 20 + 1) if reply.pause else [reply.content]:
                    self.wfile.write(bytes(part))
                    vendor.stopped.wait(reply.pause)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names are the parent's

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the parent's
                """Say nothing: the parent writes every request to stderr."""

        return Handler


def _doubled(body: Any) -> Any:
    """Whatever the lists of an answer name, twice."""
    if isinstance(body, dict):
        return {name: _doubled(value) for name, value in body.items()}
    return [_doubled(one) for one in body] * 2 if isinstance(body, list) else body
