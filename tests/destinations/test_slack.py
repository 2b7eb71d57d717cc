"""Slack: one message for a batch, nobody's data in it, and `ok: false` in good answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from cdp_resources.destinations.api import Api
from cdp_resources.destinations.base import Outcome, Row
from cdp_resources.destinations.slack import Slack
from tests.destinations.vendor import Reply, Request, Vendor

BATCH = [
    Row("add", "a@x.org", {"name": "Ada"}, "p1", "i1"),
    Row("add", "b@x.org", {"name": "Bo"}, "p2", "i2"),
    Row("remove", "c@x.org", {}, "p3", "i3"),
]


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendor]:
    """A channel, as https://docs.slack.dev/reference/methods/chat.postMessage describes it."""
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1")
    monkeypatch.setenv("CDP_HOME", str(tmp_path))

    def reply(request: Request) -> Reply:
        assert request.call == "POST /chat.postMessage"
        assert request.json["channel"] == "C1"
        vendor.held[str(len(vendor.held))] = request.json["text"]
        return Reply(200, {"ok": True, "channel": "C1", "ts": "1"})

    with Vendor(None, reply, ("authorization", "Bearer xoxb-1")) as vendor:
        yield vendor


def settings(vendor: Vendor, **options: object) -> Slack:
    """The destination, at the vendor's local address."""
    declared = {"type": "slack", "url": vendor.url, "token_env": "SLACK_TOKEN", "channel": "C1"}
    return Slack.model_validate({**declared, "max_attempts": 2, "limits": {}, **options})


def send(vendor: Vendor, **options: object) -> list[Outcome]:
    """Send the batch."""
    api = Api(settings(vendor, **options), "vips", sleep=lambda _: None)
    try:
        return api.send(BATCH)
    finally:
        api.close()


def test_a_batch_is_one_message_with_numbers_only(slack: Vendor) -> None:
    assert {outcome.status for outcome in send(slack)} == {"acknowledged"}
    assert list(slack.held.values()) == ["*vips*: 2 joined, 1 left, 0 changed"]


def test_who_entered_has_joined_and_who_exited_has_left(slack: Vendor) -> None:
    api = Api(settings(slack), "vips", sleep=lambda _: None)
    rows = [Row(change, "a@x.org", {}, "p1", "id") for change in ("entered", "entered", "exited")]
    assert {outcome.status for outcome in api.send(rows)} == {"acknowledged"}
    api.close()
    assert list(slack.held.values()) == ["*vips*: 2 joined, 1 left, 0 changed"]


def test_the_words_can_be_ones_own(slack: Vendor) -> None:
    send(slack, text="$added people more are worth $$$$")
    assert list(slack.held.values()) == ["2 people more are worth $$"]


@pytest.mark.parametrize(("error", "requests"), [("channel_not_found", 1), ("ratelimited", 2)])
def test_an_answer_that_is_not_ok_acknowledges_nothing(slack: Vendor, error: str, requests: int) -> None:
    slack.reply = lambda _: Reply(200, {"ok": False, "error": error})
    assert {outcome.status for outcome in send(slack)} == {"retry_later"}
    assert len(slack.requests) == requests


def test_an_unreadable_answer_is_not_asked_for_again_at_once(slack: Vendor) -> None:
    slack.script.append("garbled")
    assert {outcome.status for outcome in send(slack)} == {"retry_later"}
    assert len(slack.requests) == 1, "a message that was posted would be posted twice"


@pytest.mark.parametrize("text", ["$name joined", "costs 5$"])
def test_a_text_with_unknown_names_is_refused(slack: Vendor, text: str) -> None:
    with pytest.raises(ValidationError, match=r"\$\$"):
        send(slack, text=text)
