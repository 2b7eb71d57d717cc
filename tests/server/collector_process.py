"""A real collector process over a small company that has the retailer's collected stream, and a webhook stream."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parent.parent.parent
WRITE_KEY = "key-of-the-app"
SECRET = "whsec_" + base64.b64encode(b"secret-of-the-sender-0123456789").decode()
COMPANY = """\
name: tiny
owner: team:data
timezone: Europe/Berlin
start_date: 2026-03-01
"""
TICKETS = """\
name: desk
description: Service desk
streams:
  tickets:
    description: One row for each message
    files: desk/{date}*.ndjson
    format: ndjson
    collect: {type: webhook, secret_env: DESK_SECRET}
    columns: {webhookId: , receivedAt: , payload: }
    events:
      - name: Ticket Opened
        id: webhookId
        record: payload->>'customer'
        occurred_at: receivedAt
"""


@dataclass
class CollectorProcess:
    """One collector of its own home. Start it again after a kill, and it goes on."""

    home: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def start(self) -> None:
        """Returns once it answers."""
        self.port = self.port or free_port()
        environment = os.environ | {
            "CDP_HOME": str(self.home),
            "CDP_MODEL": str(self.home / "model"),
            "CDP_LANDING": str(self.landing),
            "RETAILER_WRITE_KEY": WRITE_KEY,
            "DESK_SECRET": SECRET,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cdp_server", "--port", str(self.port)],
            env=environment | self.environment,
            cwd=self.home,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(600):
            with suppress(requests.ConnectionError):
                requests.get(f"{self.url}/health", timeout=5)
                return
            assert self.process.poll() is None, "the collector did not start"
            time.sleep(0.05)  # the process says nowhere else that it listens
        raise AssertionError("the collector does not answer")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it is gone."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def post(self, path: str, body: Any, key: str = WRITE_KEY, **more: Any) -> requests.Response:
        """Send JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | more.pop("headers", {})
        return requests.post(
            f"{self.url}{path}", data, auth=(key, "") if key else None, headers=headers, timeout=30, **more
        )

    def lines(self, folder: str = "app") -> list[dict[str, Any]]:
        """What landed, in order of file names. Call it after `stop`."""
        files = sorted((self.landing / folder).glob("*.ndjson"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def counted(self, outcome: str) -> int:
        """Events of the app by what became of them."""
        text = requests.get(f"{self.url}/metrics", timeout=30).text
        return next(
            int(float(line.split()[-1])) for line in text.splitlines() if f'outcome="{outcome}",source="app"' in line
        )


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def new_home(home: Path) -> Path:
    """Declare the company in ``home``."""
    (home / "model" / "sources").mkdir(parents=True)
    (home / "model" / "company.yaml").write_text(COMPANY)
    (home / "model" / "sources" / "desk.yaml").write_text(TICKETS)
    app = (ROOT / "examples" / "retailer" / "sources" / "app.yaml").read_text()
    (home / "model" / "sources" / "app.yaml").write_text(app)
    return home
