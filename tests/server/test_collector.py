"""A real collector process: what it takes, what it refuses, and with which answer."""

import gzip
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import requests
from standardwebhooks import Webhook

from cdp_model.collecting import REFUSED
from cdp_server.bodies import MOST_BODY_BYTES, MOST_EVENTS
from cdp_server.suppression import digest
from tests.server.collector_process import SECRET, WRITE_KEY, CollectorProcess

TRACK = {"type": "track", "event": "Signed Up", "userId": "u1"}


def test_every_call_of_the_api_lands_with_its_type(start_collector: Callable[..., CollectorProcess]) -> None:
    collector = start_collector()
    more = {"userId": "u", "event": "e", "groupId": "g", "previousId": "p"}
    calls = ("track", "identify", "page", "screen", "group", "alias")
    assert [collector.post(f"/v1/{call}", more).status_code for call in calls] == [200] * 6
    assert collector.post("/v1/import", {"batch": [TRACK]}).json() == {"success": True}
    collector.stop()
    assert [line["type"] for line in collector.lines()] == [*calls, "track"]


def test_a_bad_event_never_refuses_its_batch_and_copies_count_once(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector()
    batch = {"batch": [TRACK | {"messageId": "m1"}, 17, TRACK | {"messageId": "m1"}, {"type": "?"}, None]}
    assert collector.post("/v1/batch", batch).status_code == 200
    assert collector.post("/v1/track", TRACK | {"messageId": "m1"}).status_code == 200
    assert [collector.counted(o) for o in ("accepted", "refused", "duplicate")] == [1, 3, 2]
    collector.stop()
    assert [REFUSED in line for line in collector.lines()].count(False) == 1
    assert len(collector.lines()) == 4


def test_a_body_that_is_no_json_is_kept_and_answered_400(start_collector: Callable[..., CollectorProcess]) -> None:
    collector = start_collector()
    assert collector.post("/v1/track", b"<html>").status_code == 400
    collector.stop()
    assert collector.lines()[0][REFUSED] == "the body is not JSON"


def test_the_suppressed_are_dropped_at_the_door_and_counted(start_collector: Callable[..., CollectorProcess]) -> None:
    collector = start_collector()
    listed = [digest("userId", "gone"), digest("email", "Gone@Example.com"), digest("anonymousId", "phone")]
    (collector.home / "suppressions.txt").write_text("\n".join(["# erased", *listed]))
    collector.stop()
    collector.start()
    gone = [
        TRACK | {"userId": "gone"},
        TRACK | {"traits": {"email": "gone@example.com"}},
        TRACK | {"anonymousId": "phone"},
    ]
    assert collector.post("/v1/batch", {"batch": [*gone, TRACK]}).status_code == 200
    assert collector.counted("suppressed") == 3
    collector.stop()
    assert len(collector.lines()) == 1


def test_write_keys(collector: CollectorProcess) -> None:
    assert collector.post("/v1/track", TRACK, key="wrong").status_code == 401
    assert collector.post("/v1/track", TRACK, key="").status_code == 401
    assert collector.post("/v1/track", TRACK | {"writeKey": WRITE_KEY}, key="").status_code == 200
    assert collector.post("/v1/track", TRACK | {"writeKey": WRITE_KEY}, key="wrong").status_code == 401
    assert collector.post("/v1/track", b"{", key="wrong").status_code == 401
    broken = collector.post("/v1/track", TRACK, key="", headers={"authorization": "Basic ???"})
    assert broken.status_code == 401


def test_limits_are_those_of_segment(collector: CollectorProcess) -> None:
    assert collector.post("/v1/batch", {"batch": [TRACK] * MOST_EVENTS}).status_code == 200
    assert collector.post("/v1/batch", {"batch": [TRACK] * (MOST_EVENTS + 1)}).status_code == 400
    assert collector.post("/v1/batch", b" " * (MOST_BODY_BYTES + 1)).status_code == 400
    assert collector.post("/v1/batch", TRACK).status_code == 400


def test_gzip_is_inflated_and_a_bomb_is_not(collector: CollectorProcess) -> None:
    def post(body: bytes, coding: str = "gzip") -> int:
        return collector.post("/v1/track", body, headers={"content-encoding": coding}).status_code

    whole = gzip.compress(json.dumps(TRACK).encode())
    assert post(whole) == 200
    assert post(gzip.compress(b" " * 100_000_000, 1)) == 400
    assert post(whole[:-4]) == 400
    assert post(b"no gzip") == 400
    assert post(whole, "br") == 415


def test_other_content_types_are_refused_and_those_of_browsers_are_not(collector: CollectorProcess) -> None:
    for kind, status in (("text/plain; charset=utf-8", 200), ("text/xml", 415), ("multipart/form-data", 415)):
        assert collector.post("/v1/track", TRACK, headers={"content-type": kind}).status_code == status


def test_deep_nesting_and_strange_bytes_are_no_error_of_ours(collector: CollectorProcess) -> None:
    deep = b'{"userId": "u", "event": "e", "properties": ' + b'{"a":' * 600 + b"1" + b"}" * 601
    assert collector.post("/v1/track", deep).status_code == 200
    assert collector.post("/v1/track", b"[" * 400_000).status_code == 400
    assert collector.post("/v1/track", b'{"userId": "\xff\xfe", "event": "\\ud83d"}').status_code == 200


def test_times_that_can_not_be_are_kept_for_standardizing_to_judge(collector: CollectorProcess) -> None:
    for time in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "yesterday", 1e300):
        assert collector.post("/v1/track", TRACK | {"timestamp": time}).status_code == 200


def test_a_browser_may_ask_from_anywhere(collector: CollectorProcess) -> None:
    asked = requests.options(
        f"{collector.url}/v1/track",
        headers={"origin": "https://shop.example", "access-control-request-method": "POST"},
        timeout=30,
    )
    assert asked.headers["access-control-allow-origin"] == "*"
    sent = collector.post("/v1/track", TRACK, headers={"origin": "https://shop.example"})
    assert sent.headers["access-control-allow-origin"] == "*"


def test_a_client_that_stops_in_the_middle_holds_up_nobody(collector: CollectorProcess) -> None:
    with socket.create_connection(("127.0.0.1", collector.port)) as slow:
        slow.sendall(b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        assert collector.post("/v1/track", TRACK).status_code == 200


def test_a_signed_webhook_lands_once_and_a_forged_one_does_not(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector()
    body, now = '{"customer": "c1"}', datetime.now(UTC)

    def post(signature: str, path: str = "/webhooks/desk/tickets", at: str = str(int(now.timestamp()))) -> int:
        headers = {"webhook-id": "w1", "webhook-timestamp": at, "webhook-signature": signature}
        return collector.post(path, body.encode(), key="", headers=headers).status_code

    signature = Webhook(SECRET).sign("w1", now, body)
    assert [post(signature), post(signature)] == [200, 200]
    assert [post("v1,AAAA"), post("nonsense"), post(signature, at="0")] == [401, 401, 401]
    assert collector.post("/webhooks/desk/tickets", b"{}", key="").status_code == 401
    assert post(signature, "/webhooks/desk/other") == 404
    collector.stop()
    (line,) = collector.lines("desk")
    assert (line["webhookId"], line["payload"]) == ("w1", {"customer": "c1"})


def test_browsers_may_ask_before_calls_and_nobody_before_webhooks(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector()
    answers = [
        requests.request(method, f"http://127.0.0.1:{collector.port}{path}", timeout=10)
        for method, path in (("OPTIONS", "/v1/track"), ("GET", "/v1/track"), ("OPTIONS", "/webhooks/desk/tickets"))
    ]
    assert [answer.status_code for answer in answers] == [204, 405, 405]
    assert answers[0].headers["access-control-allow-methods"] == "POST"
    assert [answer.headers["allow"] for answer in answers[1:]] == ["POST, OPTIONS", "POST"]
