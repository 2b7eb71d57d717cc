"""What is kept of a call, and why a call is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_model.collecting import REFUSED, REFUSED_LINE
from cdp_server.bodies import parsed
from cdp_server.rows import CALLS, COLUMNS, MOST_EVENT_BYTES, OWN, Envelope, row_of, webhook_row

NOW = "2026-03-01T10:00:00.000Z"
ENVELOPE = Envelope(NOW, opted_out=False)
TRACK = {"type": "track", "event": "Signed Up", "userId": "u1", "messageId": "m1"}


def kept(call: Any, envelope: Envelope = ENVELOPE) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(row_of(call, envelope).line)
    return line


def test_a_call_keeps_its_fields_and_gets_the_time_it_came() -> None:
    assert kept(TRACK) == TRACK | {"receivedAt": NOW, "originalTimestamp": NOW}


def test_the_time_by_the_device_is_the_original_one() -> None:
    call = TRACK | {"timestamp": "2026-02-28T09:00:00Z", "sentAt": "2026-02-28T09:00:05Z"}
    line = kept(call)
    assert (line["originalTimestamp"], line["sentAt"]) == ("2026-02-28T09:00:00Z", "2026-02-28T09:00:05Z")


def test_null_ids_as_sdks_send_them_are_no_ids() -> None:
    assert row_of(TRACK | {"anonymousId": None}, ENVELOPE).refused is None
    assert row_of(TRACK | {"anonymousId": None, "userId": None}, ENVELOPE).refused


def test_numeric_ids_are_kept_as_text() -> None:
    assert kept(TRACK | {"userId": 4711})["userId"] == "4711"


def test_a_call_without_an_id_gets_one() -> None:
    without = {key: value for key, value in TRACK.items() if key != "messageId"}
    assert kept(without)["messageId"] != kept(without)["messageId"]


def test_what_a_batch_says_holds_for_its_events() -> None:
    batch = {"sentAt": NOW, "context": {"ip": None, "app": {"name": "a"}}}
    line = kept(TRACK | {"context": {"app": {"name": "b"}}}, Envelope(NOW, False, batch=batch))
    assert (line["sentAt"], line["context"]["app"]) == (NOW, {"name": "b"})


def test_global_privacy_control_is_kept_beside_the_event() -> None:
    assert kept(TRACK, Envelope(NOW, opted_out=True))["gpc"] is True
    assert "gpc" not in kept(TRACK)


def test_unknown_fields_add_no_columns_and_keys_are_not_kept() -> None:
    line = kept(TRACK | {"_refused": "x", "_day": "y", "channel": "server", "writeKey": "k", "receivedAt": "1999"})
    assert line["others"] == {"_refused": "x", "_day": "y", "channel": "server"}
    assert line["receivedAt"] == NOW


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (17, "an event is an object"),
        (TRACK | {"type": "trakc"}, "type is none of track, identify, page, screen, group, alias"),
        (TRACK | {"userId": None}, "neither userId nor anonymousId"),
        (TRACK | {"userId": {"id": 1}}, "userId is not text"),
        (TRACK | {"event": " "}, "a track call has no event"),
        (TRACK | {"properties": [1]}, "properties is not an object"),
        ({"type": "group", "userId": "u"}, "a group call has no groupId"),
        ({"type": "alias", "userId": "u"}, "an alias call has no previousId"),
        (TRACK | {"properties": {"text": "x" * MOST_EVENT_BYTES}}, "the event is larger than 32 KB"),
    ],
)
def test_a_call_that_can_not_be_used_is_kept_with_the_reason(call: Any, reason: str) -> None:
    row = row_of(call, ENVELOPE)
    line = json.loads(row.line)
    assert row.refused == line[REFUSED] == reason
    assert json.dumps(call, separators=(",", ":"))[:1000] == line[REFUSED_LINE][:1000]


def test_the_largest_event_that_is_allowed_is_taken() -> None:
    room = MOST_EVENT_BYTES - len(json.dumps(TRACK | {"properties": {"text": ""}}, separators=(",", ":")))
    assert row_of(TRACK | {"properties": {"text": "x" * room}}, ENVELOPE).refused is None
    assert row_of(TRACK | {"properties": {"text": "x" * (room + 1)}}, ENVELOPE).refused


@pytest.mark.parametrize("levels", [300, 900])
def test_an_event_nested_too_deeply_is_refused(levels: int) -> None:
    deep = json.loads('{"a":' * levels + "1" + "}" * levels)
    assert row_of(TRACK | {"properties": deep}, ENVELOPE).refused == "the event is nested too deeply"


@pytest.mark.parametrize("body", [b'{"a": "\\ud83d"}', b'{"a": NaN}', b'{"a": "\xff"}', b'\xef\xbb\xbf{"a": 1}'])
def test_one_broken_value_does_not_cost_a_body(body: bytes) -> None:
    assert list(parsed(body)) == ["a"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"<html>", b'{"a": ' + b"1" * 5000 + b"e}"])
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
CALLED = st.dictionaries(st.sampled_from([*COLUMNS, "timestamp", "x", "_refused"]), JSON, max_size=8)


@given(call=JSON | CALLED, path=st.sampled_from([None, *CALLS]), batch=st.none() | CALLED)
def test_every_json_value_gives_one_line_of_one_object(call: Any, path: str | None, batch: Any) -> None:
    value = parsed(json.dumps(call).encode())
    row = row_of(value, Envelope(NOW, True, path, batch))
    assert row.line.endswith(b"\n")
    assert b"\n" not in row.line[:-1]
    line = json.loads(row.line)
    assert set(line) <= COLUMNS | OWN | {REFUSED, REFUSED_LINE}
    assert (REFUSED in line) == (row.refused is not None)


def test_a_webhook_keeps_its_payload_in_one_line_whatever_its_layout() -> None:
    line = webhook_row(b'{\r\n "a": "x\\ny" }', "w1", ENVELOPE).line
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"webhookId": "w1", "receivedAt": NOW, "payload": {"a": "x\ny"}}
    assert webhook_row(b"<html>", "w1", ENVELOPE).refused == "the message is no JSON object"
