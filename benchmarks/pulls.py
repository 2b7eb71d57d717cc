"""`python -m benchmarks.pulls`: what pulling a source costs beside plain dlt, from a REST API and from a SQL database.

Both ask the same source for the same rows: ours fetches them into the landing folder and loads them into the lake, as
its two assets do; plain dlt runs a pipeline into a DuckDB file. Each in a process of its own; the source runs beside.
"""

import argparse
import datetime as dt
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdp_resources.lake import Lake
from tests.pulls.vendors import TOKEN, HubSpot, serving
from tests.small_company import COMPANY, SmallCompany

EXAMPLES = Path(__file__).parent.parent / "examples" / "sources"
TABLE = """
name: shop_db
description: A shop's database
database: {url: "${SHOP_DB_URL}"}
streams:
  orders:
    description: Orders
    table: {name: orders, incremental: {column: updated_at}}
    columns: {id: Number of the order}
"""
STREAMS = {"hubspot": "hubspot__contacts", "table": "shop_db__orders"}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=["ours", "dlt"])
    parser.add_argument("--source", choices=list(STREAMS))
    chosen = parser.parse_args()
    if chosen.part:
        print(json.dumps(measured(chosen.part, chosen.source)))
        return
    print("| source | rows | ours, s | CPU s | plain dlt, s | CPU s | ours / dlt, wall | CPU |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder, serving(_crm(chosen.rows)) as crm:
        os.environ |= {
            "HUBSPOT_URL": crm.url,
            "HUBSPOT_TOKEN": TOKEN,
            "SHOP_DB_URL": f"sqlite:///{_database(Path(folder), chosen.rows)}",
        }
        for source, label in (("hubspot", "REST API, pages of 100"), ("table", "SQL table")):
            runs = {part: [_in_a_process(part, source) for _ in range(chosen.rounds)] for part in ("ours", "dlt")}
            assert {run["rows"] for found in runs.values() for run in found} == {chosen.rows}
            wall, cpu = (
                {part: statistics.median(run[what] for run in found) for part, found in runs.items()}
                for what in ("seconds", "cpu")
            )
            print(
                f"| {label} | {chosen.rows:,} | {wall['ours']:.1f} | {cpu['ours']:.1f} | {wall['dlt']:.1f} "
                f"| {cpu['dlt']:.1f} | {wall['ours'] / wall['dlt']:.2f} | {cpu['ours'] / cpu['dlt']:.2f} |",
                flush=True,
            )


def measured(part: str, source: str) -> dict[str, float]:
    """Seconds, CPU seconds and rows of one way to fetch a source. What it imports and sets up is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        run = (ours if part == "ours" else plain_dlt)(Path(folder), source)
        before, start = time.process_time(), time.perf_counter()
        rows = run()
        return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - before, "rows": rows}


def ours(folder: Path, source: str) -> Callable[[], int]:
    """The two assets of the stream."""
    company = SmallCompany(folder, Lake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data")))
    company.declare("company.yaml", COMPANY)
    company.landing.mkdir()
    os.environ["CDP_LANDING"] = str(company.landing)
    declared = (EXAMPLES / "hubspot.yaml").read_text() if source == "hubspot" else TABLE
    company.declare("sources/pulled.yaml", declared)
    stream = STREAMS[source]

    def run() -> int:
        company.materialize(f"pulls/{stream}", f"raw/{stream}", days=(31,))
        return int(company.one(f"SELECT count(*) FROM lake.raw.{stream}"))

    return run


def plain_dlt(folder: Path, source: str) -> Callable[[], int]:
    """A pipeline of dlt's."""
    import dlt
    from dlt.sources.rest_api import rest_api_source
    from dlt.sources.sql_database import sql_table

    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.duckdb(str(folder / "plain.duckdb")),
        pipelines_dir=str(folder),
        dataset_name="pulled",
    )
    if source == "hubspot":
        data: Any = rest_api_source(
            {
                "client": {
                    "base_url": os.environ["HUBSPOT_URL"],
                    "auth": {"type": "bearer", "token": TOKEN},
                    "paginator": {"type": "cursor", "cursor_path": "paging.next.after", "cursor_param": "after"},
                },
                "resources": [
                    {
                        "name": "rows",
                        "endpoint": {
                            "path": "crm/v3/objects/contacts",
                            "params": {"limit": 100, "properties": "firstname,lastname,email"},
                            "data_selector": "results",
                            "incremental": {"cursor_path": "updatedAt"},
                        },
                    }
                ],
            }
        )
    else:
        data = sql_table(os.environ["SHOP_DB_URL"], "orders", incremental=dlt.sources.incremental("updated_at"))
        data = data.with_name("rows")

    def run() -> int:
        pipeline.run(data, table_name="rows" if source == "table" else None)
        with pipeline.sql_client() as client:
            return int(client.execute_sql("SELECT count(*) FROM rows")[0][0])

    return run


def _in_a_process(part: str, source: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pulls", "--part", part, "--source", source]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _crm(rows: int) -> HubSpot:
    crm, start = HubSpot(), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    crm.page_size = 100
    crm.rows["contacts"] = [
        {
            "id": str(n),
            "properties": {"firstname": f"Ann{n}", "lastname": "Oak", "email": f"ann{n}@example.com"},
            "archived": False,
            "createdAt": start.isoformat(),
            "updatedAt": (start + dt.timedelta(seconds=n)).isoformat(),
        }
        for n in range(rows)
    ]
    return crm


def _database(folder: Path, rows: int) -> Path:
    path = folder / "shop.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, total NUMERIC, updated_at TEXT)")
        con.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            (
                (n, f"c{n % 999}", n / 100, f"2026-01-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}.{n:06}Z")
                for n in range(rows)
            ),
        )
    return path


if __name__ == "__main__":
    main()
