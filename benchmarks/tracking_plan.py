"""What a tracking plan costs: CPU seconds to standardize events with a plan of ten events, and without one.

.venv/bin/python -m benchmarks.tracking_plan --events 1000000
"""

import argparse
import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from cdp_assets.raw.extracts import new_extracts
from cdp_assets.raw.streams import load
from cdp_assets.standardized.daily import replace_days
from cdp_assets.standardized.events import EVENTS
from cdp_assets.standardized.mapped import mappings
from cdp_model.model import CompanySettings, Model
from cdp_model.sources import Source
from cdp_model.tracking_plan import Plan
from cdp_resources.lake import Lake
from cdp_resources.sources.files import list_files

DAY = dt.date(2026, 3, 1)
NAMES = [f"Event {number}" for number in range(10)]
SOURCE = {
    "name": "web",
    "description": "Web site",
    "streams": {
        "calls": {
            "description": "One row for each call",
            "files": "web/{date}.ndjson",
            "format": "ndjson",
            "columns": dict.fromkeys(["id", "event", "who", "properties", "context", "at", "sent", "received"]),
            "events": [
                {
                    "name_from": "event",
                    "id": "id",
                    "record": "who",
                    "occurred_at": "at",
                    "sent_at": "sent",
                    "received_at": "received",
                    "revenue": "properties->>'total'",
                    "currency": "properties->>'currency'",
                    "product_id": "properties->>'product_id'",
                    "properties": {"path": "context->'page'->>'path'", "category": "properties->>'category'"},
                }
            ],
        }
    },
}
PROPERTIES: dict[str, Any] = {
    "product_id": {"type": "string", "pattern": r"^P\d{4}$"},
    "name": {"type": "string", "minLength": 1},
    "category": {"enum": ["Garden", "Kitchen", "Bath", "Food"]},
    "total": {"type": "number", "minimum": 0, "x-on-violation": "drop"},
    "currency": {"enum": ["EUR", "GBP", "USD"]},
    "quantity": {"type": "integer", "minimum": 1},
}
SCHEMA = {"required": ["product_id", "total", "currency"], "properties": PROPERTIES}
CALLS = """
    SELECT 'm' || i AS id, 'Event ' || (i % 10) AS event, 'u' || (i % 50000) AS who,
        {'product_id': printf('P%04d', i % 500), 'name': 'Watering Can Classic', 'url': 'https://shop.example/p',
         'category': ['Garden', 'Kitchen', 'Bath', 'Food'][i % 4 + 1], 'quantity': 1 + i % 3,
         'total': CASE WHEN i % 100 = 0 THEN -1 ELSE i % 90 + 0.5 END, 'currency': 'EUR'} AS properties,
        {'page': {'path': '/p/' || i % 500, 'referrer': ''}, 'userAgent': 'Mozilla/5.0 (X11; Linux x86_64)'} AS context,
        '2026-03-01T08:00:00.000Z' AS at, '2026-03-01T08:00:01.000Z' AS sent, '2026-03-01T08:00:02.000Z' AS received
    FROM range(?) AS numbers(i)
"""


def model(planned: bool) -> Model:
    """A company of one stream, with or without a plan for it."""
    company = CompanySettings(name="bench", owner="team:bench", start_date=DAY, end_date=DAY)
    plan = Plan(sources=["web"], events={name: {"schema": SCHEMA} for name in NAMES})  # type: ignore[dict-item]
    plans = {"web.yaml": plan} if planned else {}
    return Model(company=company, sources={"web": Source.model_validate(SOURCE)}, tracking_plan=plans)


def cpu_seconds(lake: Lake, company: Model) -> float:
    """CPU seconds, of all threads, to make the events of the day."""
    began = time.process_time()
    with lake.transaction() as con:
        replace_days(con, EVENTS, mappings(company, "events"), {DAY})
    return time.process_time() - began


def main() -> None:
    """Land the events once, then make them with and without a plan by turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "landing" / "web" / f"{DAY}.ndjson"
        path.parent.mkdir(parents=True)
        duckdb.execute(f"COPY ({CALLS.replace('?', str(given.events))}) TO '{path}' (FORMAT json)")
        lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data_path=f"{folder}/data")
        company = model(planned=False)
        stream = company.sources["web"].streams["calls"]
        files = list_files(str(path.parent.parent), stream.files, DAY)
        with lake.transaction() as con:
            extracts = new_extracts(con, "raw.web__calls", files, {DAY})
            load(con, "raw.web__calls", extracts, stream, company.company)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(given.turns):
            for planned in seconds:
                seconds[planned].append(cpu_seconds(lake, model(planned)))
        without, with_plan = min(seconds[False]), min(seconds[True])
        print(f"{given.events:,} events without a plan: {without:.1f} CPU seconds")
        print(
            f"with a plan of {len(NAMES)} events: {with_plan:.1f} CPU seconds, {with_plan / without:.2f} times as much"
        )


if __name__ == "__main__":
    main()
