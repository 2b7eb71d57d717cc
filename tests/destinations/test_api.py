"""What every destination behind an API has from the one module: politeness, and a cheap search for bad rows."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_model.syncs import DestinationSettings
from cdp_resources.destinations.answers import Answer, said
from cdp_resources.destinations.api import FRUITLESS, Api, ApiDestination
from cdp_resources.destinations.base import Row
from cdp_resources.destinations.limits import AccountLimit
from tests.destinations.vendor import Reply, Request, Vendor


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """Takes whatever has no `bad` in its key."""
    monkeypatch.setenv("CDP_HOME", str(tmp_path))

    def reply(request: Request) -> Reply:
        return Reply(400, {"detail": "bad"}) if any("bad" in key for key in request.json) else Reply(200, {})

    with Vendor(None, reply, ("accept", "*/*")) as running:
        yield running


def api(vendor: Vendor, pauses: list[float], **options: Any) -> Api:
    """An HTTP destination of batches."""
    declared = {"type": "http", "url": vendor.url, "batch_size": 100, "upsert": {"body": "$rows"}, "max_attempts": 2}
    settings = DestinationSettings.kinds["http"].model_validate({**declared, **options})
    assert isinstance(settings, ApiDestination)
    return Api(settings, "vips", sleep=pauses.append)


def statuses(connection: Api, keys: list[str]) -> list[str]:
    """Send rows with these keys."""
    try:
        return [outcome.status for outcome in connection.send([Row("add", key, {}, "p", f"id {key}") for key in keys])]
    finally:
        connection.close()


def test_a_mistake_in_every_row_is_not_searched_for_in_each(vendor: Vendor) -> None:
    found = statuses(api(vendor, []), [f"bad{n}" for n in range(100)])
    assert found == ["rejected"] * FRUITLESS + ["retry_later"] * (100 - FRUITLESS)
    assert len(vendor.requests) < 40


def test_many_bad_rows_among_good_ones_are_all_found(vendor: Vendor) -> None:
    keys = [f"{'bad' if n % 4 == 3 else 'good'}{n}" for n in range(80)]
    assert statuses(api(vendor, []), keys) == ["rejected" if "bad" in key else "acknowledged" for key in keys]


def test_an_outage_during_the_search_ends_it(vendor: Vendor) -> None:
    vendor.script.extend(["good", "503", "503"])
    assert set(statuses(api(vendor, []), ["bad1", *(f"good{n}" for n in range(63))])) == {"retry_later"}
    assert len(vendor.requests) == 3


def test_a_body_that_comes_bit_by_bit_is_not_waited_for(vendor: Vendor) -> None:
    vendor.reply = lambda _: Reply(200, {"message": "the answer is long"})
    vendor.script.append("drip")
    connection = api(vendor, [], max_attempts=1, timeout_seconds=0.2)
    (outcome,) = connection.send([Row("add", "a", {}, "p", "i")])
    connection.close()
    assert (outcome.status, outcome.error) == ("retry_later", "the answer did not end in time")


def test_a_pause_that_is_asked_for_is_made_though_the_body_does_not_end(vendor: Vendor) -> None:
    pauses: list[float] = []
    vendor.reply = lambda _: Reply(429, {"message": "the answer is long"}, {"retry-after": "7"})
    vendor.script.append("drip")
    connection = api(vendor, pauses, timeout_seconds=0.2)
    connection.send([Row("add", "a", {}, "p", "i")])
    connection.close()
    assert pauses[0] >= 7


def test_syncs_to_one_account_share_what_it_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_HOME", str(tmp_path))
    pauses: list[float] = []

    def paused(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    shared = [AccountLimit("account", {"minute": 1_000, "second": 20}, paused) for _ in range(2)]
    other = AccountLimit("another account", {"second": 20}, paused)
    allowed: list[float] = []

    def ask(limit: AccountLimit) -> None:
        for _ in range(11):
            limit.wait()
            allowed.append(time.monotonic())

    threads = [threading.Thread(target=ask, args=[limit]) for limit in (*shared, shared[0])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 33
    allowed.sort()
    # A request is noted a moment after it was counted.
    assert all(later - first >= 0.9 for first, later in zip(allowed, allowed[20:], strict=False))
    assert pauses
    pauses.clear()
    for _ in range(20):
        other.wait()
    assert pauses == []
    for limit in (*shared, other):
        limit.close()


def test_one_destination_does_not_forget_what_another_of_the_account_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDP_HOME", str(tmp_path))
    clock = [time.time_ns()]
    monkeypatch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", lambda: clock[0])
    first = AccountLimit("account", {"minute": 2}, time.sleep)
    first.wait()
    first.wait()
    clock[0] += 30 * 10**9
    AccountLimit("account", {"second": 1}, time.sleep).close()

    class Refused(Exception):
        pass

    def refuse(_: float) -> None:
        raise Refused

    second = AccountLimit("account", {"minute": 2}, refuse)
    with pytest.raises(Refused):
        second.wait()
    first.close()
    second.close()


def test_the_file_of_a_limit_does_not_tell_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_HOME", str(tmp_path))
    AccountLimit("secret-token", {"second": 1}, time.sleep).close()
    assert not [file for file in tmp_path.rglob("*") if "secret" in file.name or b"secret" in _content(file)]


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"detail": "no such list"}, {"title": "b"}]}, "no such list; b"),
        ({"error": {"message": "token expired", "code": 190}}, "token expired"),
        ({"errors": [{"code": "unauthorized", "message": "Access Token Invalid"}]}, "Access Token Invalid"),
        ({"ok": False, "error": "channel_not_found"}, "channel_not_found"),
        (["one", "two"], "one; two"),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_words_of_an_error_are_found_where_vendors_put_them(body: Any, words: str) -> None:
    assert said(body) == words


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "taken"), (207, "taken"), (302, "later"), (401, "later"), (404, "later"), (400, "refused"), (413, "refused"),
     (422, "refused"), (408, "again"), (429, "again"), (500, "again"), (529, "again")],
)  # fmt: skip
def test_a_status_says_whether_rows_waiting_or_somebody_is_to_blame(status: int, verdict: str) -> None:
    assert Answer(status).verdict() == verdict
