"""What `benchmarks.traits` measures, each in a process of its own. Measurements go to standard output as JSON.

Seconds, CPU seconds and peak memory of one thing; the traits are those of the retailer.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas  # noqa: F401  (DuckDB loads it at the first bound value; libraries are loaded before the clock starts)

from benchmarks.memory import peak_gb
from benchmarks.traits_lake import FIRST_DAY, add_day, make_lake
from cdp_assets.metadata import count_rows
from cdp_assets.profiles.golden_records import update_golden_records
from cdp_assets.profiles.traits import update_traits
from cdp_model.load import load_model
from cdp_model.model import Model
from cdp_resources.lake import Lake

COLUMNS = ("event_name", "occurred_at", "device", "revenue", "currency", "order_id", "product_id", "properties")
MODEL = Path(__file__).parents[1] / "examples" / "retailer"


def golden_records(con: duckdb.DuckDBPyConnection, model: Model) -> Any:
    """The table of golden records, as its asset makes it."""
    return vars(update_golden_records(con, model.profiles))


def traits(con: duckdb.DuckDBPyConnection, model: Model) -> Any:
    """The table of traits, as its asset makes it."""
    return vars(update_traits(con, model))


def bare(con: duckdb.DuckDBPyConnection, _: Model) -> Any:
    """One scan and group of every column that the traits look at, with one aggregate each."""
    aggregates = ", ".join(f"max({column}) AS {column}" for column in COLUMNS)
    con.execute(f"""
        CREATE OR REPLACE TABLE lake.profiles.bare AS
        SELECT person_id, count(*) AS events, {aggregates}
        FROM lake.standardized.events JOIN lake.identity.record_persons USING (record_key) GROUP BY person_id""")
    return {"events": count_rows(con, "standardized.events")}


def read(con: duckdb.DuckDBPyConnection, _: Model) -> Any:
    """Every value of the view, for everybody."""
    con.execute("CREATE TEMP TABLE everything AS FROM lake.profiles.traits")
    return {}


def again(con: duckdb.DuckDBPyConnection, model: Model) -> Any:
    """How many rows differ between what was kept up to date and what is made from nothing."""
    different = 0
    for table, update in (("golden_records", golden_records), ("trait_values", traits)):
        con.execute(f"CREATE TEMP TABLE kept_{table} AS FROM lake.profiles.{table}; DROP TABLE lake.profiles.{table}")
        update(con, model)
        one, two = f"FROM lake.profiles.{table}", f"FROM kept_{table}"
        row = con.execute(f"SELECT count(*) FROM (({one} EXCEPT {two}) UNION ALL ({two} EXCEPT {one}))").fetchone()
        different += row[0] if row else 0
    return {"different": different}


PARTS: dict[str, Callable[[duckdb.DuckDBPyConnection, Model], Any]] = {
    "golden_records": golden_records,
    "traits": traits,
    "bare": bare,
    "read": read,
    "again": again,
}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["make", "add", *PARTS])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--days", type=int, required=True)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    lake = Lake(
        catalog=f"sqlite:{folder / 'lake' / 'catalog.sqlite'}",
        data_path=str(folder / "lake" / "data"),
        memory_limit=os.environ.get("CDP_MEMORY_LIMIT", ""),
    )
    model = load_model(MODEL)
    model = model.model_copy(update={"company": model.company.model_copy(update={"start_date": FIRST_DAY})})
    began, cpu = time.perf_counter(), time.process_time()
    found: Any = {}
    if arguments.part == "make":
        make_lake(lake, arguments.people, arguments.days)
    elif arguments.part == "add":
        add_day(lake, arguments.people, arguments.days)
    else:
        with lake.transaction(arguments.part) as con:
            found = PARTS[arguments.part](con, model)
    measured = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_gb": peak_gb(),
        "found": found,
    }
    json.dump(measured, sys.stdout, default=str)


if __name__ == "__main__":
    main()
