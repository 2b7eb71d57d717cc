"""Reading what a client sends: how much, how fast, in which coding, and whose it is."""

import asyncio
import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope

MOST_BODY_BYTES = 500 * 1024
MOST_EVENTS = 2_500
SLOWEST_SECONDS = 10.0
CONTENT_TYPES = {"", "application/json", "text/plain", "application/octet-stream"}
"""Browsers that leave a page send `text/plain`: anything else would need a question before."""


class Refusal(Exception):
    """A request that is not taken: its status, and why."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, dict(headers or {})


def headers_of(scope: Scope) -> dict[str, str]:
    """All headers, decoded once: Starlette's own mapping looks through all of them for each."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """The body, inflated. Raises ``Refusal`` for one that is too large, too slow, or in an unknown coding."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise Refusal(415, "send application/json")
    if coding not in ("identity", "gzip"):
        raise Refusal(415, "send the body as it is, or as gzip")
    body, more = b"", True
    try:
        async with asyncio.timeout(SLOWEST_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "the body ended early")
                more, chunk = message.get("more_body", False), message.get("body", b"")
                body = body + chunk if body else chunk
                if len(body) > MOST_BODY_BYTES:
                    raise too_large()
    except TimeoutError as error:
        raise Refusal(408, "the body took too long", {"connection": "close"}) from error
    return inflated(body) if coding == "gzip" else body


def inflated(body: bytes) -> bytes:
    """What a gzip body holds; never more than the limit is inflated."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        whole = inflate.decompress(body, MOST_BODY_BYTES + 1)
    except zlib.error as error:
        raise Refusal(400, "the body is not gzip") from error
    if len(whole) > MOST_BODY_BYTES:
        raise too_large()
    if not inflate.eof:
        raise Refusal(400, "the gzip body ends early")
    return whole


def too_large() -> Refusal:
    return Refusal(400, f"the body is larger than {MOST_BODY_BYTES // 1024} KB", {"connection": "close"})


def parsed(body: bytes) -> Any:
    """The JSON value of a body. Raises ``ValueError``.

    Browsers send half characters, and other clients NaN or bytes that are no UTF-8: one such value is replaced, so
    that it does not cost the other events of its batch.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(body.decode("utf-8-sig", "replace"), parse_constant=lambda _: None)
            return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def basic_user(header: str | None) -> str | None:
    """The user of an `Authorization: Basic` header, which is where SDKs put the write key."""
    scheme, _, coded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(coded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def calls_of(value: Any, path_is_batch: bool) -> list[Any]:
    """The calls of a body. Raises ``Refusal`` for a batch without a list, or with too many."""
    if not path_is_batch:
        return [value]
    calls = value.get("batch") if isinstance(value, dict) else None
    if not isinstance(calls, list):
        raise Refusal(400, "the body needs a list `batch`")
    if len(calls) > MOST_EVENTS:
        raise Refusal(400, f"a batch has at most {MOST_EVENTS:,} events")
    return calls
