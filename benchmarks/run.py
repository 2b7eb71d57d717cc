"""`make bench`: how long the road takes, what a day costs, what a bare script would take, and whether readers wait.

Every figure is a ratio to a baseline of the same run, or states the machine's seconds beside it.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

from cdp_resources.lake import Lake, LakeMissing
from examples.receiver import Receiver
from examples.retailer.generator import generate

START = dt.date(2026, 6, 1)
SECRET = "whsec_YmVuY2htYXJrLXNlY3JldA=="
QUERIES = (
    "SELECT count(*) FROM lake.profiles.profiles",
    "SELECT event_name, count(*) FROM lake.standardized.events GROUP BY ALL",
    "SELECT count(*) FROM lake.identity.record_persons AS r JOIN lake.identity.persons AS p USING (person_id)",
)


def main() -> None:
    """Generate, measure a full run, a day's increment and a repeated day, and print a report in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--home", type=Path, default=Path(".cdp/bench"))
    arguments = parser.parse_args()
    home: Path = arguments.home.absolute()
    shutil.rmtree(home / "lake", ignore_errors=True)
    make_data(home, arguments.people, arguments.days)
    last = START + dt.timedelta(days=arguments.days - 1)
    with Receiver(0, SECRET) as receiver:
        os.environ |= {
            "CDP_HOME": str(home),
            "CDP_MODEL": "examples/retailer",
            "RETAILER_WEBHOOK_SECRET": SECRET,
            "RETAILER_WEBHOOK_URL": f"{receiver.url}/marketing",
            "RETAILER_SERVICE_URL": f"{receiver.url}/service",
        }
        bare = bare_load(home / "landing")
        with Readers() as readers:
            full = measured(START, last)
            day = measured(last + dt.timedelta(days=1), last + dt.timedelta(days=1))
    report(arguments, full, day, bare, readers)


def make_data(home: Path, people: int, days: int) -> None:
    """The retailer's files for ``days`` and one more; those of an earlier run with the same numbers are kept."""
    wanted, marker = {"people": people, "days": days}, home / "generated.json"
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return
    shutil.rmtree(home / "landing", ignore_errors=True)
    generate(home, people, START, days + 1, seed=11)
    marker.write_text(json.dumps(wanted))


def measured(first: dt.date, last: dt.date) -> dict[str, Any]:
    """One run of the graph in a process of its own."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.graph", str(first), str(last)),
            *("--profile", str(Path(os.environ["CDP_HOME"]) / f"{last}.pstats")),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bare_load(landing: Path) -> float:
    """Baseline: seconds of a DuckDB script that reads the same files into tables and keeps no promise at all."""
    latin = "delim = ';', encoding = 'latin-1', all_varchar = true, ignore_errors = true"
    readers = {
        "crm/contacts": "read_csv('{}', all_varchar = true, ignore_errors = true)",
        "email/activity": "read_csv('{}', all_varchar = true)",
        "finance/rates": "read_csv('{}')",
        "pos/cards": f"read_csv('{{}}', {latin})",
        "pos/receipts": f"read_csv('{{}}', {latin})",
        "shop/accounts": "read_parquet('{}')",
        "shop/orders": "read_parquet('{}')",
        "shop/order_lines": "read_parquet('{}')",
        "support/tickets": "read_json('{}')",
        "web/events": "read_ndjson('{}', ignore_errors = true)",
    }
    began = time.perf_counter()
    with duckdb.connect() as con:
        for stream, reader in readers.items():
            source = reader.format(landing / stream / "*")
            con.execute(f"CREATE TABLE {stream.replace('/', '_')} AS SELECT * FROM {source}")
    return time.perf_counter() - began


class Readers:
    """Queries in a loop, in a thread beside the runs: how many were answered, and which errors they met."""

    def __init__(self) -> None:
        self.answered = 0
        self.errors: list[str] = []
        self.slowest = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self) -> "Readers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _loop(self) -> None:
        lake = Lake.from_env()
        while not self._done.wait(1):
            for query in QUERIES:
                began = time.perf_counter()
                try:
                    with lake.reading() as con:
                        con.execute(query).fetchall()
                    self.answered += 1
                    self.slowest = max(self.slowest, time.perf_counter() - began)
                except LakeMissing:
                    continue
                except duckdb.CatalogException as error:
                    if "does not exist" not in str(error):
                        self.errors.append(str(error))
                except duckdb.Error as error:
                    self.errors.append(str(error))


def report(
    arguments: argparse.Namespace, full: dict[str, Any], day: dict[str, Any], bare: float, readers: Readers
) -> None:
    """Print the figures as Markdown."""
    print(f"\n## {arguments.people:,} people, {arguments.days} days\n")
    print("| stage | full run, s | one more day, s | day / full |\n|---|--:|--:|--:|")
    stages: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for i, run in enumerate((full, day)):
        for step, seconds in run["steps"].items():
            stages[step.split("_")[0]][i] += seconds
    stages["all, with Dagster"] = [full["total"], day["total"]]
    stages["all, in CPU seconds"] = [full["cpu"], day["cpu"]]
    for stage, (whole, increment) in stages.items():
        print(f"| {stage} | {whole:.1f} | {increment:.1f} | {increment / whole if whole else 0:.2f} |")
    print("\n| costliest steps of the day | full run, s | one more day, s |\n|---|--:|--:|")
    for step, seconds in sorted(day["steps"].items(), key=lambda item: -item[1])[:12]:
        print(f"| {step} | {full['steps'].get(step, 0):.1f} | {seconds:.1f} |")
    print("\n| figure | value |\n|---|--:|")
    engines = full["engines"]["duckdb"] + full["engines"]["splink"]
    loading = stages["raw"][0] + stages["standardized"][0]
    unprofiled = full["total"] - full["engines"]["profiler"]
    print(f"| share outside DuckDB and Splink (without the profiler's own time) | {1 - engines / unprofiled:.1%} |")
    print(f"| peak memory of the full run | {full['peak_gb']:.1f} GB |")
    print(f"| peak memory of the day | {day['peak_gb']:.1f} GB |")
    print(f"| raw and standardized / a bare DuckDB load of the same files ({bare:.1f} s) | {loading / bare:.1f} × |")
    print(f"| queries answered while the runs wrote | {readers.answered:,} |")
    print(f"| errors they met | {len(readers.errors)} |")
    print(f"| slowest of them | {readers.slowest:.1f} s |")
    for error in sorted(set(readers.errors))[:5]:
        print(f"\n    {error}")


if __name__ == "__main__":
    main()
