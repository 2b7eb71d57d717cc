"""What `benchmarks.segments` measures, each in a process of its own. Measurements go to standard output as JSON."""

import argparse
import datetime as dt
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.memory import peak_gb
from benchmarks.segments_declared import model
from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.memberships import evaluate_days
from cdp_resources.lake import Lake

LAST = dt.date(2026, 6, 29)
READ = ("event_name", "device", "occurred_at", "revenue", "product_id", "properties->>'category'")
"""What the declared segments look at of an event."""

EVALUATIONS = ("first", "second", "next", "full", "range")


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["make", "scan", "group", *EVALUATIONS])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--days", type=int, default=0)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    lake = Lake(
        catalog=f"sqlite:{folder / 'lake' / 'catalog.sqlite'}",
        data_path=str(folder / "lake" / "data"),
        memory_limit=os.environ.get("CDP_MEMORY_LIMIT", ""),
    )
    load, began, cpu = os.getloadavg()[0], time.perf_counter(), time.process_time()
    found = {}
    match arguments.part:
        case "make":
            make(lake, arguments.people, arguments.events)
        case "scan" | "group":
            read(lake, arguments.part == "group")
        case _:
            found = evaluate(lake, arguments.part, arguments.days)
    measured = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "load": load, "found": found}
    json.dump(measured | {"peak_gb": peak_gb()}, sys.stdout)


def make(lake: Lake, people: int, events: int) -> None:
    """A lake as the stages before segments leave it. Not measured."""
    script = Path(__file__).with_name("segments_lake.sql").read_text(encoding="utf-8")
    with lake.transaction() as con:
        con.execute(script.replace("$people", str(people)).replace("$events", str(events)))


def read(lake: Lake, grouped: bool) -> None:
    """Baseline: one scan of what segments look at, alone, or brought to people and grouped by them."""
    values = ", ".join(f"max({column})" for column in READ)
    with lake.reading() as con:
        if grouped:
            con.execute(
                f"""SELECT person_id, count(*), {values}
                FROM lake.standardized.events JOIN lake.identity.record_persons USING (record_key) GROUP BY person_id"""
            ).to_arrow_table()
        else:
            con.execute(f"SELECT max(record_key), {values} FROM lake.standardized.events").fetchall()
            con.execute("SELECT max(record_key), max(person_id) FROM lake.identity.record_persons").fetchall()
        con.execute(
            "SELECT max(country), max(date_of_birth), max(first_seen) FROM lake.profiles.golden_records"
        ).fetchall()
        con.execute("SELECT max(record_key), max(occurred_at), max(status) FROM lake.standardized.consents").fetchall()


def evaluate(lake: Lake, part: str, count: int) -> dict[str, float]:
    """Memberships and changes, one after the other.

    Of a day of no other (`first`), of the next as runs go on from day to day (`second`, `next`), of that one again from
    nothing (`full`), or of a range of days (`range`).
    """
    declared = model()
    days = {
        "first": [LAST - dt.timedelta(days=2)],
        "second": [LAST - dt.timedelta(days=1)],
        "range": [LAST - dt.timedelta(days=n) for n in reversed(range(count))],
    }.get(part, [LAST])
    steps: dict[str, float] = {}
    with lake.transaction() as con:
        if part in ("first", "range"):
            con.execute("DROP SCHEMA IF EXISTS lake.segments CASCADE; CREATE SCHEMA lake.segments")
        if part == "full":
            con.execute("DROP TABLE lake.segments.placed")
    began = time.process_time()
    with lake.transaction() as con:
        evaluate_days(con, declared, days)
    steps["memberships"], began = time.process_time() - began, time.process_time()
    with lake.transaction() as con:
        compare_days(con, days, declared)
    steps["changes"] = time.process_time() - began
    with lake.reading() as con:
        for table in ("memberships", "changes"):
            row = con.execute(f"SELECT count(*) FROM lake.segments.{table} WHERE as_of = ?", [days[-1]]).fetchone()
            steps[f"rows of {table}"] = row[0] if row else 0
    return steps


if __name__ == "__main__":
    main()
