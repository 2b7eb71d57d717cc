"""What `benchmarks.syncs` measures, each in a process of its own. Measurements go to standard output as JSON."""

import argparse
import datetime as dt
import json
import multiprocessing as mp
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import duckdb
import pandas  # noqa: F401  (DuckDB loads it at the first bound value; libraries are loaded before the clock starts)
import requests

from benchmarks.memory import peak_gb
from cdp_assets.activation.comparison import BOOKS, compare
from cdp_assets.activation.pending import Pending
from cdp_assets.activation.sending import Sending
from cdp_assets.activation.work import read_work
from cdp_model.model import CompanySettings, Model
from cdp_model.syncs import RequiredConsent, Sync
from cdp_model.traits import Segment, Trait
from cdp_resources.destinations.api import Api
from cdp_resources.destinations.base import Connection as Destined
from cdp_resources.destinations.base import Row, change_of, in_parts
from cdp_resources.destinations.webhook import Webhook
from cdp_resources.lake import CATALOG, Lake

BATCH = 500
SECRET = "BENCHMARK_WEBHOOK_SECRET"


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["make", "hold", "difference", "send"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("people", type=int)
    parser.add_argument("wait", type=int, help="milliseconds that the server takes for a request")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    os.environ[SECRET] = "whsec_cmV0YWlsZXItZXhhbXBsZS1zZWNyZXQ="
    os.environ["CDP_HOME"] = str(folder)
    lake = Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data"))
    load, began, cpu = os.getloadavg()[0], time.perf_counter(), time.process_time()
    found: Mapping[str, object] = {}
    match arguments.part:
        case "make":
            make(lake, arguments.people)
        case "hold":
            lake.write(hold)
        case "difference":
            found = difference(lake)
        case "send":
            found = send(lake, arguments.wait / 1000)
    measured = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "load": load, **found}
    json.dump({"peak_gb": peak_gb(), **measured}, sys.stdout)


def make(lake: Lake, people: int) -> None:
    """People, members and consents. Not measured."""
    script = Path(__file__).with_name("syncs_lake.sql").read_text(encoding="utf-8")
    with lake.transaction() as con:
        con.execute(script.replace("$people", str(people)))
        for book, ensure in BOOKS.items():
            ensure(con, f"{CATALOG}.activation.{book}", "TABLE")


def hold(con: duckdb.DuckDBPyConnection) -> None:
    """The destination holds everybody, and then 1 % of people change. Not measured."""
    compare(con, company(""), "best", dt.datetime.now(dt.UTC))
    con.execute(f"""
        INSERT INTO {CATALOG}.activation.deliveries BY NAME
        SELECT 'best' AS sync, 'hub' AS destination, person_id, destination_key, fingerprint, 'add' AS change,
            'acknowledged' AS status, 1 AS revision, consent_id, 'm' AS message_id, now() AS acked_at, 'r' AS run_id
        FROM candidates ORDER BY destination_key;
        UPDATE {CATALOG}.profiles.profiles SET first_name = 'New' WHERE revision = 1;
    """)


def difference(lake: Lake) -> dict[str, float]:
    """What a run reads before it sends."""
    began = spent()
    with lake.reading() as con:
        work = read_work(con, company(""), "best", dt.datetime.now(dt.UTC), 50_000)
    seconds, cpu = since(began)
    assert work.pending == work.held // 100
    return {"seconds": seconds, "cpu": cpu}


def send(lake: Lake, wait: float) -> dict[str, tuple[float, float]]:
    """Everybody to a server on this machine: medians of some rounds."""
    ours, theirs = mp.Pipe()
    server = mp.get_context("spawn").Process(target=serve, args=(theirs, wait), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    rounds = [once(lake, url) for _ in range(5 if wait < 0.01 else 1)]
    ours.send(None)
    server.join()
    return {
        name: (median(one[name][0] for one in rounds), median(one[name][1] for one in rounds)) for name in rounds[0]
    }


def once(lake: Lake, url: str) -> dict[str, tuple[float, float]]:
    """The sync, then a bare loop that sends the same rows again."""
    forget = "; ".join(f"DELETE FROM {CATALOG}.activation.{book}" for book in BOOKS)
    lake.write(lambda con: con.execute(forget) and None)
    sender, began = Timed(lake, company(url), "best", "run", lambda _: None), spent()
    sender.run(lambda _: Api(webhook(url), "best"))
    run = since(began)
    batches = [{"sync": "best", "changes": [change_of(row) for row in batch]} for batch in in_parts(sender.rows, BATCH)]
    began = spent()
    with requests.Session() as session:
        for batch in batches:
            assert session.post(url, json=batch, timeout=30).json() == {}
    return {"loop": since(began), "sending": sender.sending, "run": run}


class Timed(Sending):
    """What it takes from the first announcement to the last record, without reading what is to be sent."""

    sending = (0.0, 0.0)
    rows: Sequence[Row] = ()

    def _send(self, rows: Pending, destination: Destined) -> int:
        began = spent()
        left = super()._send(rows, destination)
        seconds, cpu = since(began)
        self.sending = (self.sending[0] + seconds, self.sending[1] + cpu)
        self.rows = [*self.rows, *rows.rows]
        return left


def spent() -> tuple[float, float]:
    """Seconds, and CPU seconds of this process."""
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """What was spent since."""
    now = spent()
    return now[0] - began[0], now[1] - began[1]


def serve(parent: Connection, wait: float) -> None:
    """A server that reads what it is sent, takes its time and is content."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(wait)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the parent's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    parent.send(server.server_address[1])
    threading.Thread(target=lambda: (parent.recv(), server.shutdown())).start()
    server.serve_forever(poll_interval=0.05)


def webhook(url: str) -> Webhook:
    """The destination."""
    declared = {"type": "webhook", "url": url or "http://x", "secret_env": SECRET, "batch_size": BATCH}
    return Webhook.model_validate(declared)


def company(url: str) -> Model:
    """One segment, sent to one destination, with consent."""
    sync = Sync(
        description="Best customers",
        segment="best",
        destination="hub",
        consent=RequiredConsent(purpose="marketing", channel="email"),
        key="email",
        fields={"first_name": "first_name", "spend": "spend"},
    )
    return Model(
        company=CompanySettings(name="benchmark", owner="team:data", start_date=dt.date(2026, 6, 1)),
        sources={},
        traits={"spend": Trait(description="Spend in EUR", sql="1.0")},
        segments={"best": Segment(description="Best customers", all=["spend > 1"])},
        destinations={"hub": webhook(url)},
        syncs={"best": sync},
    )


if __name__ == "__main__":
    main()
