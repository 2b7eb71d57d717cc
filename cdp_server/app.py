"""The ASGI application: routes, and what each is answered."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cdp_server.bodies import Refusal, basic_user, calls_of, headers_of, parsed, read_body
from cdp_server.journal import Journal, Unwritable
from cdp_server.metrics import OUTCOMES, Metrics
from cdp_server.openapi import DESCRIPTION
from cdp_server.part_files import PartFile
from cdp_server.recent import Recent
from cdp_server.rows import CALLS, Envelope, Row, refused_row, row_of, webhook_row
from cdp_server.streams import CollectedStream, Streams
from cdp_server.suppression import Suppressions

MOST_REQUESTS = 1_000
RETRY_SECONDS = "1"
FROM_ANYWHERE = {"access-control-allow-origin": "*"}
TAKEN_BODY = {"type": "http.response.body", "body": b'{"success":true}'}
TAKEN = {
    "type": "http.response.start",
    "status": 200,
    "headers": Response(TAKEN_BODY["body"], headers=FROM_ANYWHERE, media_type="application/json").raw_headers,
}
PREFLIGHT = FROM_ANYWHERE | {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, content-encoding",
    "access-control-max-age": "86400",
}
"""Any page may send, and none may read: a write key is all that counts. Starlette's middleware costs a fifth more."""
BATCHES = ("batch", "import")


Take = Callable[[Scope, Receive], Awaitable[None]]
"""Takes in a request, or raises ``Refusal``."""


class Collector:
    """Everything that requests share."""

    def __init__(
        self,
        streams: Streams,
        suppressions: Path,
        new_file: Callable[[Path], PartFile] = PartFile,
    ) -> None:
        self.metrics = Metrics()
        self.journal = Journal(streams.all(), self.metrics, new_file=new_file)
        self._streams = streams
        self._suppressions = Suppressions(suppressions)
        self._recent = {stream: Recent() for stream in streams.all()}
        self._webhooks = {path: Webhook(stream.key) for path, stream in streams.webhooks.items()}
        self._counted = {
            stream: {o: self.metrics.events.labels(stream.source, stream.name, o) for o in OUTCOMES}
            for stream in streams.all()
        }
        self._in_progress = 0
        self.metrics.requests_in_progress.set_function(lambda: self._in_progress)

    def app(self) -> ASGIApp:
        """The application. Its lifespan runs the journal."""
        routes = [
            Route("/webhooks/{source}/{stream}", Endpoint(self, self.webhook, from_pages=False)),
            Route("/health", self.health),
            Route("/metrics", self.prometheus),
            Route("/openapi.json", self.description),
        ]
        others = Starlette(routes=routes, lifespan=self._lifespan)
        segment = Endpoint(self, self.segment, from_pages=True)
        calls = {f"/v1/{call}" for call in (*BATCHES, *CALLS)}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            """Looking a call up among all routes, inside middleware, would cost as much as reading its JSON."""
            is_call = scope["type"] == "http" and scope["path"] in calls
            await (segment if is_call else others)(scope, receive, send)

        return app

    async def segment(self, scope: Scope, receive: Receive) -> None:
        """One call, or a batch of them."""
        path, headers = scope["path"].rpartition("/")[2], headers_of(scope)
        user = basic_user(headers.get("authorization"))
        stream = self._stream(user) if user is not None else None
        body = await read_body(receive, headers)
        envelope = Envelope(_now(), headers.get("sec-gpc") == "1")
        try:
            value = parsed(body)
        except ValueError as error:
            if stream is None:
                raise _unknown_key() from error
            text = body.decode("utf-8", "replace")
            await self._keep(stream, [refused_row(text, "the body is not JSON", envelope)])
            raise Refusal(400, "the body is not JSON") from error
        if stream is None:
            stream = self._stream(value.get("writeKey") if isinstance(value, dict) else None)
        if path in BATCHES:
            batch = value if isinstance(value, dict) else None
            envelope = Envelope(envelope.received_at, envelope.opted_out, batch=batch)
        else:
            envelope = Envelope(envelope.received_at, envelope.opted_out, call=path)
        calls = calls_of(value, path in BATCHES)
        if self._suppressions.hold_any():
            wanted = [c for c in calls if not (isinstance(c, dict) and self._suppressions.cover(c))]
            self._counted[stream]["suppressed"].inc(len(calls) - len(wanted))
            calls = wanted
        await self._keep(stream, [row_of(call, envelope) for call in calls])

    async def webhook(self, scope: Scope, receive: Receive) -> None:
        """One signed message."""
        path = "{source}/{stream}".format(**scope["path_params"])
        if path not in self._webhooks:
            raise Refusal(404, "no stream of that name takes webhooks")
        headers = headers_of(scope)
        body = await read_body(receive, headers)
        try:
            self._webhooks[path].verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            raise Refusal(401, "the signature does not fit") from error
        row = webhook_row(body, headers["webhook-id"], Envelope(_now(), opted_out=False))
        await self._keep(self._streams.webhooks[path], [row])

    async def _keep(self, stream: CollectedStream, rows: list[Row]) -> None:
        """Returns once every row is durable."""
        recent, counted = self._recent[stream], self._counted[stream]
        new: dict[str, Row] = {}
        for row in rows:
            if row.id not in recent:
                new.setdefault(row.id, row)
        if len(new) < len(rows):
            counted["duplicate"].inc(len(rows) - len(new))
        if not new:
            return
        try:
            await self.journal.commit(stream, b"".join([row.line for row in new.values()]))
        except Unwritable as error:
            raise Refusal(503, "the events could not be written", {"retry-after": RETRY_SECONDS}) from error
        refused = len([1 for row in new.values() if row.refused])
        if refused:
            counted["refused"].inc(refused)
        counted["accepted"].inc(len(new) - refused)
        recent.update(new)

    def _stream(self, write_key: Any) -> CollectedStream:
        stream = self._streams.by_write_key.get(write_key) if isinstance(write_key, str) else None
        if stream is None:
            raise _unknown_key()
        return stream

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """While a request is answered. Raises ``Refusal`` when there are too many, or the disk is too slow for them."""
        if self._in_progress >= MOST_REQUESTS or self.journal.is_pressed:
            raise Refusal(429, "too much at once; send it again", {"retry-after": RETRY_SECONDS})
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress -= 1

    async def health(self, _request: Request) -> Response:
        """200 while events can be written; 503 with what the disk said."""
        failed = self.journal.failed
        content = {"status": "failing", "reason": failed} if failed else {"status": "ok"}
        return Response(orjson.dumps(content), 503 if failed else 200, media_type="application/json")

    async def prometheus(self, _request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def description(self, _request: Request) -> Response:
        return Response(orjson.dumps(DESCRIPTION), media_type="application/json")

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        writer = asyncio.create_task(self.journal.run())
        yield
        self.journal.close()
        await writer


class Endpoint:
    """Answers 200 when ``take`` returns, and what a ``Refusal`` says otherwise.

    An application in itself: Starlette's own requests and responses would cost as much as all that is done to an event.
    """

    def __init__(self, collector: Collector, take: Take, *, from_pages: bool) -> None:
        self._collector, self._take, self._from_pages = collector, take, from_pages
        self._taken = collector.metrics.answers.labels(200)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            if scope["method"] != "POST":
                await self._other_method(scope["method"])(scope, receive, send)
                return
            with self._collector.one_more():
                await self._take(scope, receive)
        except Refusal as refusal:
            self._collector.metrics.answers.labels(refusal.status).inc()
            await _refusal(refusal)(scope, receive, send)
            return
        self._taken.inc()
        await send(TAKEN)
        await send(TAKEN_BODY)

    def _other_method(self, method: str) -> Response:
        """Browsers ask before a page sends; who sends webhooks is no page."""
        if method == "OPTIONS" and self._from_pages:
            return Response(status_code=204, headers=PREFLIGHT)
        allowed = "POST, OPTIONS" if self._from_pages else "POST"
        return Response("Method Not Allowed", 405, {"allow": allowed}, "text/plain")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown_key() -> Refusal:
    return Refusal(401, "unknown write key", {"www-authenticate": 'Basic realm="write key"'})


def _refusal(refusal: Refusal) -> Response:
    content = orjson.dumps({"success": False, "message": refusal.reason})
    return Response(content, refusal.status, refusal.headers | FROM_ANYWHERE, "application/json")
