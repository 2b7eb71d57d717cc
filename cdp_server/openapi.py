"""The collector's own description (OpenAPI 3.1), served at `/openapi.json` and fuzzed against."""

from typing import Any

from cdp_server.bodies import MOST_BODY_BYTES, MOST_EVENTS
from cdp_server.rows import CALLS, MOST_EVENT_BYTES

ANSWERS = {
    200: "The events are on the disk",
    400: "The body is no JSON, is larger than the limits, or has no list of events. Do not send it again",
    401: "Unknown write key, or a signature that does not fit",
    404: "No such stream",
    408: "The body took too long",
    415: "Another content type than JSON, or another coding than gzip",
    429: "Too much at once: send it again after `Retry-After` seconds",
    503: "The disk is full or gone: send it again after `Retry-After` seconds",
}
EVENT: dict[str, Any] = {
    "type": "object",
    "description": f"At most {MOST_EVENT_BYTES:,} bytes. One that can't be used is kept, and does not refuse others",
    "properties": {
        "messageId": {"type": ["string", "null"], "description": "Two with the same id count once"},
        "userId": {"type": ["string", "null"]},
        "anonymousId": {"type": ["string", "null"]},
        "groupId": {"type": ["string", "null"]},
        "previousId": {"type": ["string", "null"]},
        "event": {"type": ["string", "null"], "description": "What happened, of a track call"},
        "name": {"type": ["string", "null"], "description": "Name of a page or screen"},
        "traits": {"type": ["object", "null"]},
        "properties": {"type": ["object", "null"]},
        "context": {"type": ["object", "null"]},
        "integrations": {"type": ["object", "null"]},
        "timestamp": {"type": ["string", "null"], "description": "When it happened (ISO 8601), by the device's clock"},
        "sentAt": {"type": ["string", "null"], "description": "When it was sent, by the same clock"},
        "writeKey": {"type": ["string", "null"], "description": "For clients that can't set a header"},
    },
}
TYPED = {**EVENT, "properties": {"type": {"enum": list(CALLS)}, **EVENT["properties"]}}
BATCH: dict[str, Any] = {
    "type": "object",
    "description": f"At most {MOST_BODY_BYTES:,} bytes, inflated",
    "required": ["batch"],
    "properties": {
        "batch": {"type": "array", "maxItems": MOST_EVENTS, "items": TYPED},
        "context": {"type": ["object", "null"], "description": "Holds for every event that does not say otherwise"},
        "integrations": {"type": ["object", "null"]},
        "sentAt": {"type": ["string", "null"]},
        "writeKey": {"type": ["string", "null"]},
    },
}
GPC = {
    "name": "Sec-GPC",
    "in": "header",
    "schema": {"enum": ["1"]},
    "description": "Global Privacy Control: the person opts out of sale and sharing",
}


def _answers(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {str(status): {"description": ANSWERS[status], "content": content} for status in statuses}


def _post(summary: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    answers = _answers(200, 400, 401, 404, 408, 415, 429, 503)
    return {"post": {"summary": summary, "requestBody": body, "responses": answers, **more}}


def _get(summary: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": summary, "content": {content_type: {"schema": schema}}}
    return {"get": {"summary": summary, "responses": {"200": answer, **_answers(503)}}}


KEYED: dict[str, Any] = {"security": [{"writeKey": []}, {}], "parameters": [GPC]}
NAMES = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in ("source", "stream")]

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Collector", "version": "1", "description": "Segment's HTTP API, and signed webhooks"},
    "paths": {
        **{f"/v1/{call}": _post(f"One {call} call", EVENT, **KEYED) for call in CALLS},
        "/v1/batch": _post("Many calls", BATCH, **KEYED),
        "/v1/import": _post("Many calls, as `/v1/batch`", BATCH, **KEYED),
        "/webhooks/{source}/{stream}": _post(
            "A message signed as Standard Webhooks prescribes", {"type": ["object", "array"]}, parameters=NAMES
        ),
        "/health": _get("Whether events can be written", "application/json", {"type": "object"}),
        "/metrics": _get("Counters, in Prometheus' text format", "text/plain", {"type": "string"}),
        "/openapi.json": _get("This description", "application/json", {"type": "object"}),
    },
    "components": {"securitySchemes": {"writeKey": {"type": "http", "scheme": "basic"}}},
}
