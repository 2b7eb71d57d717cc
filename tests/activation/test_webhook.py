"""Webhooks: signed as Standard Webhooks prescribes, patient with a busy destination, silent about people."""

import datetime as dt
import json
from email.utils import format_datetime
from itertools import pairwise

import pytest
from activation_world import SECRET_ENV, webhook
from moody_receiver import SECRET, MoodyReceiver
from standardwebhooks import Webhook

from cdp_resources.destinations import connect
from cdp_resources.destinations.api import Api
from cdp_resources.destinations.base import DestinationMisconfigured, Row, masked, message_id
from examples.receiver import Receiver


def rows(*names: str) -> list[Row]:
    """One added row for each name."""
    return [Row("add", f"{name}@x.org", {"name": name}, f"person {name}", f"id {name}") for name in names]


def sender(receiver: MoodyReceiver, sleeps: list[float] | None = None, **settings: object) -> Api:
    """A webhook that notes its pauses instead of making them."""
    pauses = [] if sleeps is None else sleeps
    return Api(webhook(receiver.url, **settings), "vips", sleep=pauses.append)


def statuses(destination: Api, batch: list[Row]) -> list[str]:
    """Outcome of each row."""
    try:
        return [outcome.status for outcome in destination.send(batch)]
    finally:
        destination.close()


def test_a_message_verifies_with_the_reference_library_and_holds_no_person_id(receiver: MoodyReceiver) -> None:
    assert statuses(sender(receiver), rows("a")) == ["acknowledged"]
    body = Webhook(SECRET).verify(receiver.bodies[0], receiver.attempts[0])
    assert body == {"sync": "vips", "changes": [{"change": "add", "key": "a@x.org", "fields": {"name": "a"}}]}
    assert "person" not in receiver.bodies[0]


def test_a_wrong_secret_leaves_the_rows_for_later_without_trying_each(receiver: MoodyReceiver) -> None:
    with Receiver(0, "whsec_" + "b" * 32) as other:
        destination = Api(webhook(other.url), "vips", sleep=lambda _: None)
        outcomes = destination.send(rows("a", "b"))
        destination.close()
    assert {(outcome.status, outcome.error) for outcome in outcomes} == {
        ("retry_later", "HTTP 401: No matching signature found")
    }


def test_a_rotated_secret_signs_with_both_keys(receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_ENV, "whsec_" + "b" * 32 + " " + SECRET)
    assert statuses(sender(receiver), rows("a")) == ["acknowledged"]
    assert len(receiver.attempts[0]["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64 ä"])
def test_a_bad_secret_names_the_variable_and_not_its_value(
    secret: str, monkeypatch: pytest.MonkeyPatch, receiver: MoodyReceiver
) -> None:
    monkeypatch.setenv(SECRET_ENV, secret)
    with pytest.raises(DestinationMisconfigured, match=SECRET_ENV) as caught:
        connect(webhook(receiver.url), "vips")
    assert "not base64" not in str(caught.value)
    assert "base64 ä" not in str(caught.value.__cause__)


def test_a_bad_url_and_a_missing_variable_are_named() -> None:
    with pytest.raises(DestinationMisconfigured, match="must begin with https"):
        connect(webhook("ftp://x"), "vips")
    with pytest.raises(DestinationMisconfigured, match="NO_SUCH_VARIABLE"):
        connect(webhook("${NO_SUCH_VARIABLE}"), "vips")


def test_retry_after_is_honoured_in_seconds_and_as_a_date(receiver: MoodyReceiver) -> None:
    sleeps: list[float] = []
    in_a_minute = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60), usegmt=True)
    receiver.script.extend(["429 7", f"429 {in_a_minute}", "503"])
    assert statuses(sender(receiver, sleeps, max_attempts=4), rows("a")) == ["acknowledged"]
    assert 7 <= sleeps[0] <= 8
    assert 55 <= sleeps[1] <= 61
    assert 4 <= sleeps[2] <= 6, "exponential backoff with jitter otherwise"
    assert len({headers["webhook-id"] for headers in receiver.attempts}) == 1


def test_a_pause_longer_than_a_run_should_wait_leaves_the_rows_for_later(receiver: MoodyReceiver) -> None:
    sleeps: list[float] = []
    receiver.script.append("429 4000")
    assert statuses(sender(receiver, sleeps), rows("a", "b")) == ["retry_later", "retry_later"]
    assert (sleeps, len(receiver.attempts)) == ([], 1)


def test_backoff_grows_and_ends_after_the_declared_attempts(receiver: MoodyReceiver) -> None:
    sleeps: list[float] = []
    receiver.script.extend(["500"] * 9)
    assert statuses(sender(receiver, sleeps, max_attempts=5), rows("a")) == ["retry_later"]
    assert len(receiver.attempts) == 5
    assert all(later > earlier for earlier, later in pairwise(sleeps))


@pytest.mark.parametrize("mood", ["reset", "lost"])
def test_a_broken_connection_is_tried_again_with_the_same_id(receiver: MoodyReceiver, mood: str) -> None:
    receiver.script.append(mood)
    assert statuses(sender(receiver), rows("a")) == ["acknowledged"]
    assert len(receiver.attempts) == 2
    assert receiver.changes == {"add": 1}


def test_a_slow_destination_times_out_and_the_rows_wait(receiver: MoodyReceiver) -> None:
    receiver.script.append("slow")
    destination = sender(receiver, timeout_seconds=0.05, max_attempts=1)
    assert [outcome.error for outcome in destination.send(rows("a"))] == ["ReadTimeout"]
    destination.close()


def test_a_destination_that_is_not_there_leaves_the_rows_for_later() -> None:
    with MoodyReceiver() as gone:
        pass
    destination = sender(gone)
    outcomes = destination.send(rows("a"))
    destination.close()
    assert [(outcome.status, outcome.error) for outcome in outcomes] == [("retry_later", "ConnectionError")]


def test_a_redirect_is_not_followed(receiver: MoodyReceiver) -> None:
    receiver.script.append("301")
    assert statuses(sender(receiver), rows("a")) == ["retry_later"]
    assert len(receiver.attempts) == 1


def test_one_poison_row_among_many_costs_few_requests(receiver: MoodyReceiver) -> None:
    receiver.poison = {"n37@x.org"}
    batch = rows(*(f"n{number}" for number in range(64)))
    outcomes = statuses(sender(receiver), batch)
    assert [n for n, status in enumerate(outcomes) if status != "acknowledged"] == [37]
    assert outcomes[37] == "rejected"
    assert len(receiver.attempts) == 13
    assert len(receiver.rows("vips")) == 63


def test_rows_named_in_a_good_answer_are_rejected_in_masked_words(receiver: MoodyReceiver) -> None:
    receiver.disliked = {"b@x.org"}
    destination = sender(receiver)
    outcomes = destination.send(rows("a", "b"))
    destination.close()
    assert [(outcome.status, outcome.error) for outcome in outcomes] == [
        ("acknowledged", ""),
        ("rejected", "<key> bounces"),
    ]


def test_an_error_never_quotes_the_row_or_anything_like_a_contact() -> None:
    row = Row("add", "Ada@x.org", {"name": "Ada Lovelace", "phone": "+44 20 7946 0958"}, "p1", "id")
    words = "ada@x.org (Ada Lovelace, bob@y.org) with\n+44 20 7946 0958 or 0300-123456 is invalid"
    assert masked(words, row) == "<key> (<name>, <e-mail>) with <phone> or <number> is invalid"


def test_a_message_id_depends_on_the_set_of_changes_only() -> None:
    batch = rows("a", "b")
    assert message_id(batch) == message_id(batch[::-1]) != message_id(batch[:1])
    assert "." not in message_id(batch)


def test_the_receiver_counts_rows_and_does_not_apply_a_message_twice() -> None:
    with Receiver(0, SECRET) as receiver:
        body = json.dumps({"sync": "s", "changes": [{"change": "add", "key": "k", "fields": {}}]})
        now = dt.datetime.now(dt.UTC)
        headers = {
            "webhook-id": "m1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("m1", now, body),
        }
        assert receiver.answer(headers, body)[0] == receiver.answer(headers, body)[0] == 200
        assert receiver.answer(headers | {"webhook-signature": "v1,AAAA"}, body)[0] == 401
        assert receiver.held() == {"s": 1}
        assert receiver.changes == {"add": 1}
