"""`python -m benchmarks.real_time`: seconds from a call to each table of the retailer, with the daemon and its sensors.

It generates a small retailer, runs the whole road once, starts the daemon and the collector as a user would, and sends
calls of new customers one after another, each once the one before has reached the segments. Meanwhile other visitors
send events at a steady rate, if any is asked for.
"""

import argparse
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import requests

from cdp_resources.lake import Lake
from examples.retailer.generator import generate

START = dt.date(2026, 6, 1)
KEY, PORT = "real-time-key", 8189
VIEWED = {"product_id": "P1001", "category": "Kitchen", "price": 19.95, "currency": "GBP"}
ROOT = Path(__file__).parent.parent
TABLES = {
    "standardized.events": "SELECT 1 FROM lake.standardized.events WHERE event_id = $id",
    "identity.record_persons": "SELECT 1 FROM lake.identity.record_persons WHERE record_key = 'app:u:' || $id",
    "profiles.profiles": "SELECT 1 FROM lake.profiles.profiles WHERE email = $id || '@example.com'",
    "segments.memberships": """
        SELECT 1 FROM lake.segments.memberships JOIN lake.identity.record_persons USING (person_id)
        WHERE record_key = 'app:u:' || $id""",
}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--calls", type=int, default=3, help="calls at each rate")
    parser.add_argument("--rates", type=int, nargs="*", default=[0], help="events a second of other visitors")
    parser.add_argument("--patience", type=int, default=240, help="seconds to wait for one table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster").mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster")
        os.environ |= {
            "CDP_HOME": str(home),
            "CDP_MODEL": str(ROOT / "examples" / "retailer"),
            "DAGSTER_HOME": str(home / "dagster"),
            "RETAILER_WRITE_KEY": KEY,
            "RETAILER_WEBHOOK_SECRET": "whsec_YmVuY2htYXJrLXNlY3JldA==",
        }
        generate(home, chosen.people, START, chosen.days, seed=1)
        last = START + dt.timedelta(days=chosen.days - 1)
        days = f'{{"dagster/asset_partition_range_start": "{START}", "dagster/asset_partition_range_end": "{last}"}}'
        dagster = [sys.executable, "-m", "dagster"]
        road = [*dagster, "job", "execute", "-m", "definitions", "-j", "daily", "--tags", days]
        subprocess.run(road, check=True, cwd=ROOT, capture_output=True)
        daemon = [sys.executable, "-m", "dagster._daemon", "run", "-w", "workspace.yaml"]
        with beside(daemon, home / "daemon.log"), beside([sys.executable, "-m", "cdp_server", "--port", str(PORT)]):
            print("| others' events a second | call | " + " | ".join(TABLES) + " |\n|--:|--:|" + "--:|" * len(TABLES))
            for rate in chosen.rates:
                with visitors(rate):
                    for number in range(chosen.calls):
                        waits = arrival(chosen.patience)
                        print(f"| {rate:,} | {number + 1} | " + " | ".join(waits) + " |", flush=True)


@contextmanager
def beside(command: list[str], log: Path | None = None) -> Iterator[None]:
    """Run a service meanwhile."""
    with (log or Path(os.devnull)).open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def visitors(rate: int) -> Iterator[None]:
    """Meanwhile others send ``rate`` events a second, in ten batches: each visitor looks at ten pages."""
    done = threading.Event()

    def browse() -> None:
        start, sent = time.monotonic(), 0
        while not done.wait(max(0.0, start + sent / rate - time.monotonic())):
            count = max(1, rate // 10)
            device = f"{uuid.uuid4().hex}-"
            batch: list[dict[str, object]] = [
                {"type": "track", "event": "Product Viewed", "anonymousId": f"{device}{i // 10}", "properties": VIEWED}
                for i in range(count)
            ]
            post(batch)
            sent += count

    thread = threading.Thread(target=browse)
    if rate:
        thread.start()
    try:
        yield
    finally:
        done.set()
        if rate:
            thread.join()


def arrival(patience: int) -> list[str]:
    """Seconds from the acknowledgement of one call to each table, or a dash."""
    name = send()
    start, waits = time.monotonic(), []
    for query in TABLES.values():
        while not there(query, name) and time.monotonic() - start < patience:
            time.sleep(0.5)
        waited = time.monotonic() - start
        waits.append(f"{waited:.0f}" if waited < patience else "–")
    return waits


def send() -> str:
    """Send what one new customer does, once the collector answers."""
    name = uuid.uuid4().hex
    traits = {"firstName": "Live", "lastName": name[:8], "email": f"{name}@example.com"}
    bought = {"order_id": name, "value": 9000, "currency": "GBP"}
    batch: list[dict[str, object]] = [
        {"type": "identify", "userId": name, "traits": traits},
        {"type": "track", "userId": name, "event": "Order Completed", "messageId": name, "properties": bought},
    ]
    post(batch)
    return name


def post(batch: list[dict[str, object]]) -> None:
    """Send calls, once the collector answers."""
    for _ in range(150):
        with suppress(requests.ConnectionError):
            answer = requests.post(
                f"http://127.0.0.1:{PORT}/v1/batch", json={"batch": batch}, auth=(KEY, ""), timeout=30
            )
            answer.raise_for_status()
            return
        time.sleep(0.2)
    raise SystemExit("the collector does not answer")


def there(query: str, name: str) -> bool:
    with suppress(duckdb.Error), Lake.from_env().reading() as con:
        return bool(con.execute(query, {"id": name}).fetchall())
    return False


if __name__ == "__main__":
    main()
