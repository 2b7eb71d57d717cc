"""Local servers that answer as vendors document it: Shopify pages by link, HubSpot by cursor, and both refuse."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-token"
Answer = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json; charset=utf-8"}


def as_json(status: int, body: Any, **headers: str) -> Answer:
    return status, JSON | headers, json.dumps(body).encode()


@dataclass
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    headers: Any


class Vendor:
    """Rows by path, in the order of the API; ``faults`` are answered first, one for each request."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.faults: list[Answer | None] = []
        self.between: Callable[[int], None] = lambda _number: None
        self.page_size = 2
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        self.requests.append((asked.path, asked.query))
        self.between(len(self.requests))
        fault = self.faults.pop(0) if self.faults else None
        return fault or self.reply(asked)

    def reply(self, _asked: Asked) -> Answer:
        raise NotImplementedError


class Shopify(Vendor):
    """`/admin/api/…/customers.json`: `Link` header; with `page_info` no parameter but `limit` may be sent."""

    def reply(self, asked: Asked) -> Answer:
        if asked.headers.get("X-Shopify-Access-Token") != TOKEN:
            return as_json(401, {"errors": "[API] Invalid API key or access token"})
        name = asked.path.rsplit("/", 1)[-1].removesuffix(".json")
        if name not in self.rows:
            return as_json(404, {"errors": "Not Found"})
        if "page_info" in asked.query and set(asked.query) - {"page_info", "limit"}:
            return as_json(400, {"errors": {"page_info": "Invalid parameters passed with page_info"}})
        if "page_info" in asked.query:
            since, _, last = asked.query["page_info"].rpartition("|")
        else:
            since, last = asked.query.get("updated_at_min", ""), "0"
        found = [row for row in self.rows[name] if row["updated_at"] >= since and row["id"] > int(last)]
        page, more = found[: self.page_size], {}
        if len(found) > len(page):
            info = f"{since.replace('+', '%2B')}|{page[-1]['id']}"
            more["Link"] = f'<{self.url}{asked.path}?limit=250&page_info={info}>; rel="next"'
        return as_json(200, {name: page}, **more)


class HubSpot(Vendor):
    """`/crm/v3/objects/contacts`: `paging.next.after` until the last page."""

    def reply(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return as_json(401, {"status": "error", "category": "INVALID_AUTHENTICATION"})
        start = int(asked.query.get("after", 0))
        end = start + self.page_size
        found = self.rows["contacts"]
        wanted = asked.query.get("properties", "").split(",")
        results = [
            {**row, "properties": {k: v for k, v in row["properties"].items() if k in wanted}}
            for row in found[start:end]
        ]
        paging = {"paging": {"next": {"after": str(end), "link": f"?after={end}"}}} if end < len(found) else {}
        return as_json(200, {"results": results, **paging})


class Reports(Vendor):
    """`/v1/activity?since=…`: the address of the next page is in the answer."""

    def reply(self, asked: Asked) -> Answer:
        found = [row for row in self.rows["activity"] if row["occurred_at"] >= asked.query.get("since", "")]
        start = int(asked.query.get("from", 0))
        end = start + self.page_size
        more = f"{asked.path}?from={end}&since={asked.query.get('since', '')}" if end < len(found) else None
        return as_json(200, {"data": found[start:end], "links": {"next": more}})


class Counted(Vendor):
    """`/things?offset=&limit=`: rows in the order of their last change, so that a change shifts all after it."""

    def reply(self, asked: Asked) -> Answer:
        start, limit = int(asked.query["offset"]), int(asked.query["limit"])
        return as_json(200, {"things": sorted(self.rows["things"], key=lambda row: row["at"])[start : start + limit]})


class Sheet(Vendor):
    """One file."""

    content = b""

    def reply(self, _asked: Asked) -> Answer:
        return 200, {"Content-Type": "text/csv"}, self.content


@contextmanager
def serving(vendor: Vendor) -> Iterator[Vendor]:
    """The vendor on a port of this machine; its ``url`` says where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status, headers, body = vendor.answer(Asked(parts.path, query, self.headers))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
