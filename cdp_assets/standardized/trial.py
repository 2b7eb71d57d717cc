"""What some rows of a stream would become: the road from file to standardized, in a lake that is thrown away."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cdp_assets.raw.drift import undeclared_columns
from cdp_assets.raw.extracts import new_extracts
from cdp_assets.raw.streams import OWN_COLUMNS, load
from cdp_assets.standardized.customers import update_customers
from cdp_assets.standardized.daily import replace_days
from cdp_assets.standardized.events import CONSENTS, EVENTS
from cdp_assets.standardized.exchange_rates import update_exchange_rates
from cdp_assets.standardized.mapped import mappings
from cdp_assets.standardized.rejection import QUARANTINE
from cdp_model.model import Model
from cdp_model.sources import Source, Stream
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sources.files import LandedFile
from cdp_resources.sql import quote


@dataclass
class Rows:
    """A few rows, and how many there are."""

    columns: list[str]
    rows: list[tuple[object, ...]]
    total: int


@dataclass
class Trial:
    """What one file's rows are and would be."""

    raw: Rows
    undeclared: list[str]
    warnings: list[str]
    outputs: dict[str, Rows] = field(default_factory=dict)
    rejected: list[tuple[str, str, int]] = field(default_factory=list)
    """What a row was meant for, why it can't be that, and how many rows."""


def try_file(model: Model, source: Source, name: str, stream: Stream, path: Path, day: dt.date, most: int) -> Trial:
    """Load one local file and make of its rows what the mappings say; ``most`` rows of each are shown.

    Raises ``BrokenFile`` or ``duckdb.Error`` for a file that can't be read.
    """
    stream = stream.model_copy(update={"day": None})
    tried = model.model_copy(update={"sources": {source.name: source.model_copy(update={"streams": {name: stream}})}})
    table = f"raw.{source.name}__{name}"
    file = LandedFile(path.name, str(path), day, path.stat().st_size, "")
    with _lake() as lake:
        with lake.transaction() as con:
            loaded = load(con, table, new_extracts(con, table, [file], {day}), stream, model.company)
        with lake.transaction() as con:  # rows have no lasting rowid before they are committed
            update_customers(con, mappings(tried, "customers"))
            update_exchange_rates(con, mappings(tried, "exchange_rates"))
            for output, target in (("events", EVENTS), ("consents", CONSENTS)):
                replace_days(con, target, mappings(tried, output), {day})
        with lake.reading() as con:
            columns = [column for column, *_ in con.execute(f"DESCRIBE {CATALOG}.{table}").fetchall()]
            own = [column for column in columns if column not in OWN_COLUMNS]
            trial = Trial(_rows(con, f"{CATALOG}.{table}", own, most), undeclared_columns(own, stream), loaded.warnings)
            for output in ("customers", "events", "consents", "exchange_rates"):
                if getattr(stream, output):
                    trial.outputs[output] = _told(con, output, most)
            trial.rejected = con.execute(f"""
                SELECT output, reason, count(*) FROM (SELECT output, unnest(reasons) AS reason FROM {QUARANTINE})
                GROUP BY ALL ORDER BY ALL
            """).fetchall()
    return trial


@contextmanager
def _lake() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        yield Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data_path=f"{folder}/data")


def _told(con: duckdb.DuckDBPyConnection, output: str, most: int) -> Rows:
    """Rows of an output, without columns that none of them has a value in."""
    table = f"{CATALOG}.standardized.{output}"
    names = [name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall() if not name.startswith("_")]
    counts = con.execute(f"SELECT {', '.join(f'count({quote(name)})' for name in names)} FROM {table}").fetchone()
    assert counts
    return _rows(con, table, [name for name, count in zip(names, counts, strict=True) if count], most)


def _rows(con: duckdb.DuckDBPyConnection, table: str, columns: list[str], most: int) -> Rows:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    shown = ", ".join(map(quote, columns)) or "NULL AS nothing"
    return Rows(columns, con.execute(f"SELECT {shown} FROM {table} ORDER BY 1 LIMIT {most:d}").fetchall(), int(row[0]))
