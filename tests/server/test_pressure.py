"""A full disk and a flood: answered so that clients send it again, and nothing is acknowledged that is not there."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
import uvicorn

from cdp_server import app, bodies, journal
from cdp_server.app import Collector
from cdp_server.streams import CollectedStream, Streams
from tests.server.collector_process import free_port
from tests.server.test_journal import Disk

CALL = {"userId": "u1", "event": "Signed Up", "messageId": "m1"}


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def url(tmp_path: Path, disk: Disk) -> Iterator[str]:
    """A collector in a thread of this process, so that its disk can be ours."""
    stream = CollectedStream("app", "calls", "key", tmp_path / "landing", "{date}*.ndjson", ZoneInfo("UTC"))
    collector = Collector(Streams({"key": stream}, {}), tmp_path / "suppressions.txt", disk)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(collector.app(), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)  # uvicorn has no event for it
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def post(url: str) -> requests.Response:
    return requests.post(f"{url}/v1/track", json=CALL, auth=("key", ""), timeout=30)


def test_a_full_disk_is_503_until_there_is_room_and_the_copy_sent_again_is_taken(
    url: str, disk: Disk, tmp_path: Path
) -> None:
    disk.full = True
    answer = post(url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    health = requests.get(f"{url}/health", timeout=30)
    assert (health.status_code, health.json()["reason"]) == (503, "No space left on device")
    disk.full = False
    assert [post(url).status_code, post(url).status_code] == [200, 200]
    assert requests.get(f"{url}/health", timeout=30).status_code == 200
    parts = [path.read_bytes() for path in (tmp_path / "landing").iterdir()]
    assert [part.count(b"\n") for part in parts if part] == [1]


def test_a_flood_is_429(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_REQUESTS", 0)
    answer = post(url)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_more_waiting_for_the_disk_than_should_is_429(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_WAITING_BYTES", -1)
    assert post(url).status_code == 429


def test_a_slow_body_is_408_and_leaves_its_place(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOWEST_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as slow:
        slow.sendall(b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")
