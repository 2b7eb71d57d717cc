"""From a call to the line that is kept of it: pure decisions, no clock, no file.

A call that can't be used is a line too, with the reason: standardizing puts it into quarantine.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from cdp_model.collecting import REFUSED, REFUSED_LINE

MOST_EVENT_BYTES = 32 * 1024
CALLS = ("track", "identify", "page", "screen", "group", "alias")
IDS = ("messageId", "userId", "anonymousId", "groupId", "previousId")
SHARED = {"context", "integrations"}
"""What a batch may say for all of its calls."""
TYPES: dict[str, type] = dict.fromkeys(IDS, str) | dict.fromkeys(("traits", "properties", "context"), dict)
COLUMNS = {
    *IDS, "type", "event", "name", "category", "traits", "properties", "context", "integrations", "sentAt",
    "originalTimestamp", "receivedAt",
}  # fmt: skip
"""Fields that are columns. Any other goes into `others`: a stranger with a write key adds no column to the lake."""
KNOWN = COLUMNS | {"timestamp", "writeKey"}
OWN = {"gpc", "others"}
"""Columns of the collector's own."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What holds for all calls of a request. ``call``: its type where the path says it, ``batch`` the body around."""

    received_at: str
    opted_out: bool
    call: str | None = None
    batch: Mapping[str, Any] | None = None


class Row(NamedTuple):
    """One line to keep. ``refused``: why it will be in quarantine."""

    id: str
    line: bytes
    refused: str | None = None


def row_of(call: Any, envelope: Envelope) -> Row:
    """The line of one call of Segment's API. Every event comes through here: it copies once and looks once."""
    if not isinstance(call, dict):
        return refused_row(call, "an event is an object", envelope)
    event = call.copy()
    if not event.keys() <= KNOWN:
        event["others"] = {field: event.pop(field) for field in call if field not in KNOWN}
    _complete(event, envelope)
    reason = reason_to_refuse(event)
    if reason:
        return refused_row(call, reason, envelope)
    try:
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        if len(line) > MOST_EVENT_BYTES and len(orjson.dumps(call)) > MOST_EVENT_BYTES:
            return refused_row(call, "the event is larger than 32 KB", envelope)
    except orjson.JSONEncodeError:  # more than 254 levels
        return refused_row(call, "the event is nested too deeply", envelope)
    return Row(event["messageId"], line)


def webhook_row(body: bytes, message_id: str, envelope: Envelope) -> Row:
    """The line of one signed message. Its body is kept as it came, in the column `payload`."""
    try:
        payload = orjson.Fragment(body) if isinstance(orjson.loads(body), dict | list) else None
    except orjson.JSONDecodeError:
        payload = None
    if payload is None:
        return refused_row(body.decode("utf-8", "replace"), "the message is no JSON object", envelope, message_id)
    # a line break between two values of a pretty-printed body would end the line
    line = orjson.dumps({"webhookId": message_id, "receivedAt": envelope.received_at, "payload": payload})
    return Row(message_id, line.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")


def refused_row(call: Any, reason: str, envelope: Envelope, message_id: str | None = None) -> Row:
    """The line of something that can't be used: the reason, and the call as far as 32 KB go.

    Its id is its content, so that a copy sent again is known as one.
    """
    text = call if isinstance(call, str) else _text(call)
    text = text.encode()[:MOST_EVENT_BYTES].decode("utf-8", "ignore")
    line = {REFUSED: reason, REFUSED_LINE: text, "receivedAt": envelope.received_at}
    return Row(message_id or hashlib.sha256(text.encode()).hexdigest(), orjson.dumps(line) + b"\n", reason)


def reason_to_refuse(event: Mapping[str, Any]) -> str | None:
    """Why Segment would not accept a call, in words without its values; None when nothing is wrong."""
    kind = event.get("type")
    if kind not in CALLS:
        return f"type is none of {', '.join(CALLS)}"
    for field, value in event.items():
        wanted = TYPES.get(field)
        if wanted and value is not None and not isinstance(value, wanted):
            return f"{field} is not {'text' if wanted is str else 'an object'}"
    if not event.get("userId") and not event.get("anonymousId"):
        return "neither userId nor anonymousId"
    if kind == "track":
        name = event.get("event")
        return None if isinstance(name, str) and name.strip() else "a track call has no event"
    if kind == "group" and not event.get("groupId"):
        return "a group call has no groupId"
    if kind == "alias" and not event.get("previousId"):
        return "an alias call has no previousId"
    return None


def _complete(event: dict[str, Any], envelope: Envelope) -> None:
    """Add what its path, its batch and the collector say of an event; numeric ids become text.

    `originalTimestamp` is the device's word for when it happened, which standardizing corrects.
    """
    if envelope.call:
        event["type"] = envelope.call
    for field in IDS:
        if field in event and type(event[field]) in (int, float):
            event[field] = str(event[field])
    if not event.get("messageId"):
        event["messageId"] = str(uuid.uuid4())
    if envelope.batch:
        if event.get("sentAt") is None:
            event["sentAt"] = envelope.batch.get("sentAt")
        for field in SHARED & envelope.batch.keys():
            shared, own = envelope.batch[field], event.get(field)
            if isinstance(shared, dict) and isinstance(own, dict | None):
                event[field] = {**shared, **(own or {})}
    happened = event.pop("timestamp", None)
    if not event.get("originalTimestamp"):
        event["originalTimestamp"] = happened or event.get("sentAt") or envelope.received_at
    event.pop("writeKey", None)  # a key in every row would be a key in every copy
    event["receivedAt"] = envelope.received_at
    if envelope.opted_out:
        event["gpc"] = True


def _text(call: Any) -> str:
    try:
        return orjson.dumps(call).decode()
    except orjson.JSONEncodeError:  # the standard library goes deeper
        try:
            return json.dumps(call)
        except RecursionError:
            return ""
