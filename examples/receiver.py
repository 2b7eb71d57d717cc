"""A destination to try syncs with: receives signed webhooks, verifies them and remembers the rows.

Run it with `python -m examples.receiver --port 8099`, or in-process:

    with Receiver(0, secret) as receiver:
        ...  # run a sync to receiver.url
        receiver.held()  # {"high_value_to_marketing": 1234}
"""

import argparse
import json
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

SECRET_ENV = "RETAILER_WEBHOOK_SECRET"
LARGEST_BODY = 50_000_000

Answer = tuple[int, dict[str, str], dict[str, Any]]
"""Status, headers and JSON body."""


class Receiver:
    """An HTTP server on localhost that holds the rows which syncs have sent it.

    A message whose id it has seen is acknowledged and not applied again, as Standard Webhooks advises receivers.
    """

    def __init__(self, port: int, secret: str, talkative: bool = False) -> None:
        self._verifier = Webhook(secret)
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._talkative = talkative
        self.messages: list[str] = []
        self.changes: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def held(self) -> dict[str, int]:
        """Number of rows held for each sync."""
        with self._lock:
            return {sync: len(rows) for sync, rows in self._rows.items()}

    def rows(self, sync: str) -> dict[str, dict[str, Any]]:
        """The rows held for one sync: key → fields."""
        with self._lock:
            return dict(self._rows.get(sync, {}))

    def answer(self, headers: dict[str, str], body: str) -> Answer:
        """Verify and apply one message."""
        try:
            message = self._verifier.verify(body, headers)
        except WebhookVerificationError as error:
            return 401, {}, {"error": str(error)}
        with self._lock:
            if headers["webhook-id"] not in self.messages:
                self.messages.append(headers["webhook-id"])
                self._apply(message)
        if self._talkative:
            held = ", ".join(f"{sync}: {count:,}" for sync, count in sorted(self.held().items()))
            print(f"{len(message['changes']):,} changes for {message['sync']}; holding {held}", flush=True)
        return 200, {}, {"rejected": []}

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _apply(self, message: dict[str, Any]) -> None:
        rows = self._rows.setdefault(message["sync"], {})
        for change in message["changes"]:
            self.changes[change["change"]] += 1
            if change["change"] == "remove":
                rows.pop(change["key"], None)
            else:
                rows[change["key"]] = change["fields"]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                if length > LARGEST_BODY:
                    self.close_connection = True
                    self._reply(413, {}, {"error": "too large"})
                    return
                body = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                self._reply(*receiver.answer(headers, body))

            def _reply(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the parent's
                """Say nothing: the parent writes every request to stderr."""

        return Handler


def main() -> None:
    """Receive until interrupted."""
    parser = argparse.ArgumentParser(description="Receive signed webhooks and count the rows")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument(
        "--secret-env", default=SECRET_ENV, help="environment variable with the signing secret (whsec_…)"
    )
    chosen = parser.parse_args()
    secret = os.environ.get(chosen.secret_env)
    if not secret:
        parser.error(f"the environment variable {chosen.secret_env} is not set: give it the secret of the sender")
    with Receiver(chosen.port, secret, talkative=True) as receiver:
        print(f"receiving at {receiver.url}; stop with Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"held at the end: {receiver.held()}")


if __name__ == "__main__":
    main()
