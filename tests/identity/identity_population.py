"""A small made-up population, and the standardized tables it becomes."""

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cdp_assets.identity.evidence import update_evidence
from cdp_assets.identity.linkage_models import train_if_needed
from cdp_assets.identity.links import update_links
from cdp_assets.identity.persons import update as update_person_table
from cdp_assets.identity.record_persons import update_persons
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake

FIRST = "anna bernd carla dieter emil frida gustav hanna igor jule karl lena moritz nora otto paula ralf sina timo ulla"
LAST = "adler brandt conrad dorn ebert falk graf huber ilgner jansen koch lorenz maurer nagel ott pohl reuter sauer"
FIELDS = ("first_name", "last_name", "date_of_birth", "gender", "email", "phone", "street", "city", "postal_code")

Record = dict[str, Any]

TABLES = """
CREATE OR REPLACE TABLE lake.standardized.customers (
    record_key VARCHAR, source VARCHAR, first_name VARCHAR, last_name VARCHAR, date_of_birth DATE, gender VARCHAR,
    email VARCHAR, phone VARCHAR, street VARCHAR, city VARCHAR, region VARCHAR, postal_code VARCHAR, country VARCHAR,
    identifiers MAP(VARCHAR, VARCHAR[]), attributes JSON, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ);
CREATE OR REPLACE TABLE lake.standardized.identifiers (
    record_key VARCHAR, identifier_type VARCHAR, identifier_value VARCHAR);
"""


class OneEngineLake(Lake):
    """The same lake over one engine: loading extensions for every connection is most of a small test."""

    _engine: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def _connected(self, *_: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._engine is None:
            object.__setattr__(self, "_engine", duckdb.connect(":memory:"))
            assert self._engine
            self._attach(self._engine, read_only=False)
        with self._engine.cursor() as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con

    def _only_writer(self) -> AbstractContextManager[object]:
        return nullcontext()


@contextmanager
def quick_lake(folder: Path) -> Iterator[Lake]:
    """A new lake in ``folder``."""
    lake = OneEngineLake(catalog=f"sqlite:{folder / 'catalog.sqlite'}", data_path=str(folder / "data"))
    try:
        yield lake
    finally:
        if lake._engine:
            lake._engine.close()


def standardize(lake: Lake, records: Iterable[Mapping[str, Any]]) -> None:
    """Replace the standardized tables by ``records``: any of FIELDS, ``key``, and ``ids`` (type, value) pairs."""
    rows = list(records)
    columns = {name: [row.get(name) for row in rows] for name in FIELDS}
    text = pa.schema([(name, pa.string()) for name in ("record_key", *FIELDS)])
    customers = pa.table({"record_key": [row["key"] for row in rows], **columns}, schema=text)
    pairs = [(row["key"], kind, value) for row in rows for kind, value in _identifiers(row)]
    names = ("record_key", "identifier_type", "identifier_value")
    identifiers = pa.table(
        {name: [pair[i] for pair in pairs] for i, name in enumerate(names)},
        schema=pa.schema([(name, pa.string()) for name in names]),
    )
    with lake.transaction() as con:
        con.execute(TABLES)
        con.register("customer_rows", customers)
        con.register("identifier_rows", identifiers)
        con.execute(
            """INSERT INTO lake.standardized.customers BY NAME
            SELECT customer_rows.* REPLACE (date_of_birth::DATE AS date_of_birth),
                split_part(record_key, ':', 1) AS source, TIMESTAMPTZ '2024-01-01' AS created_at,
                TIMESTAMPTZ '2024-02-01' AS updated_at, identifiers
            FROM customer_rows LEFT JOIN (
                SELECT record_key, map_from_entries(list((identifier_type, identifier_values))) AS identifiers
                FROM (SELECT record_key, identifier_type, list(identifier_value) AS identifier_values
                      FROM identifier_rows GROUP BY ALL)
                GROUP BY record_key) USING (record_key)"""
        )
        con.execute("INSERT INTO lake.standardized.identifiers FROM identifier_rows")


def population(people: int = 110, seed: int = 1) -> list[Record]:
    """Two or three records of each of ``people``, with typing errors, missing values and shared households."""
    rng = random.Random(seed)
    records: list[Record] = []
    for number in range(people):
        first, last = rng.choice(FIRST.split()), rng.choice(LAST.split()) + rng.choice(("", "mann", "berg", "feld"))
        born = f"{rng.randint(1940, 2000)}-{rng.randint(1, 12):02d}-{rng.randint(2, 28):02d}"
        email = f"{first}.{last}{number}@mail.example"
        for copy in range(rng.choice((2, 2, 3))):
            records.append(
                {
                    "key": f"{('crm', 'shop', 'pos')[copy]}:{number}",
                    "first_name": _mistyped(first, rng),
                    "last_name": _mistyped(last, rng),
                    "date_of_birth": born if rng.random() < 0.9 else None,
                    "email": email if rng.random() < 0.7 else f"{first}{rng.randint(1, 9999)}@other.example",
                    "postal_code": f"{10000 + number // 2 * 7}" if rng.random() < 0.8 else None,
                    "city": ("Ulm", "Jena", "Kiel", "Trier")[number % 4],
                }
            )
    return records


def _mistyped(name: str, rng: random.Random) -> str:
    if rng.random() > 0.1:
        return name
    at = rng.randrange(1, len(name))
    return name[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + name[at + 1 :]


def _identifiers(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    contacts = [(kind, row[kind]) for kind in ("email", "phone") if row.get(kind)]
    return contacts + list(row.get("ids", []))


def run_stage(lake: Lake, settings: IdentitySettings, run_id: str = "run") -> dict[str, int]:
    """Every table of the identity stage, in order, without Dagster."""
    update_evidence(lake, settings)
    train_if_needed(lake, settings)
    update_links(lake, settings)
    kinds = update_persons(lake, settings, run_id, accept_change=True)
    update_person_table(lake)
    return kinds


def people(lake: Lake) -> set[frozenset[str]]:
    """The records of each person."""
    with lake.reading() as con:
        rows = con.execute("SELECT list(record_key) FROM lake.identity.record_persons GROUP BY person_id").fetchall()
    return {frozenset(keys) for (keys,) in rows}


def table(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with lake.reading() as con:
        return con.execute(query).fetchall()
