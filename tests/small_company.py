"""A tiny declared company in a temporary folder: its YAML, its landing folder, its lake, and runs of its assets."""

import datetime as dt
import gzip
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from cdp_assets import pulls, raw, standardized
from cdp_assets.raw.extracts import new_extracts
from cdp_assets.raw.streams import load
from cdp_assets.standardized.customers import update_customers
from cdp_assets.standardized.daily import update_days
from cdp_assets.standardized.events import CONSENTS, EVENTS
from cdp_assets.standardized.exchange_rates import update_exchange_rates
from cdp_assets.standardized.mapped import mappings
from cdp_assets.standardized.reconciliation import customer_books, daily_books, verdict
from cdp_model.load import load_model
from cdp_model.model import Model
from cdp_resources.lake import Lake
from cdp_resources.sources.files import list_files

COMPANY = """
    name: tiny
    owner: team:data
    timezone: Europe/Berlin
    currency: EUR
    exchange_rates: {USD: 0.5}
    start_date: 2026-03-01
    end_date: 2026-03-31
"""
BANK = """
    name: bank
    description: The bank's rates
    streams:
      rates:
        description: One rate
        files: rates/{date}.csv
        format: csv
        columns: {date: , currency: , rate: }
        exchange_rates: [{date: date, currency: currency, rate: rate}]
"""
SHOP = """
    name: shop
    description: Web shop
    country: DE
    streams:
      people:
        description: One row for each customer that was made or changed
        files: people/{date}*.csv
        format: csv
        columns: {id: , first_name: , email: , phone: , country: , updated_at: , gone: , news: }
        customers:
          id: id
          deleted: gone
          first_name: first_name
          email: email
          phone: phone
          country: country
          identifiers: {account_id: id}
          updated_at: updated_at
        consents:
          - {record: id, purpose: marketing, channel: email, granted: news, occurred_at: updated_at}
      events:
        description: One row for each thing done
        files: events/{date}*.csv
        format: csv
        columns: {id: , who: , what: , at: , sent: , received: , amount: , currency: }
        events:
          - name_from: what
            id: id
            record: who
            occurred_at: at
            sent_at: sent
            received_at: received
            revenue: amount
            currency: currency
            properties: {what: what}
"""


def day(number: int) -> dt.date:
    """A day of March 2026."""
    return dt.date(2026, 3, number)


@dataclass
class SmallCompany:
    """One company below ``root``. Everything is real: files, DuckLake, Dagster."""

    root: Path
    lake: Lake

    @property
    def folder(self) -> Path:
        return self.root / "model"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def model(self) -> Model:
        """The model as it is on disk now."""
        load_model.cache_clear()
        return load_model(self.folder)

    def declare(self, file: str, text: str | bytes) -> Path:
        """Write one YAML file of the model."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    def amend(self, file: str, old: str, new: str) -> None:
        """Change a part of one YAML file."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    def land(self, name: str, content: str | bytes) -> Path:
        """Put a file into the landing folder; compressed when its name ends in `.gz`, unless given as bytes."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
            content = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        path.write_bytes(content)
        return path

    def assets(self, *keys: str) -> list[dg.AssetsDefinition]:
        """Assets of pulls and the raw and standardized stages: all, or those of keys such as `raw/shop__people`."""
        found = [*pulls.assets(self.model), *raw.assets(self.model), *standardized.assets(self.model)]
        names = {asset.key.to_user_string(): asset for asset in found}
        return [names[key] for key in keys] if keys else found

    def materialize(self, *keys: str, days: Iterable[int] = (1,), raises: bool = True) -> dg.ExecuteInProcessResult:
        """Run assets (all without ``keys``) for a range of days of March, first to last."""
        wanted = sorted(days)
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                self.assets(*keys),
                instance=instance,
                resources={"lake": self.lake},
                raise_on_error=raises,
                tags={
                    "dagster/asset_partition_range_start": str(day(wanted[0])),
                    "dagster/asset_partition_range_end": str(day(wanted[-1])),
                },
            )

    def bring(self, output: str, days: Iterable[int] = (1,)) -> None:
        """Load a range of days and make customers, events, consents or exchange rates of them, as the assets do.

        Fails unless the books balance and no record is there twice.
        """
        mapped = mappings(self.model, output)
        wanted = {day(number) for number in range(min(days), max(days) + 1)}
        with self.lake.transaction() as con:
            for m in mapped:
                load_days(con, self, m.source.name, m.stream_name, wanted)
        with self.lake.transaction() as con:  # rows have no lasting rowid before they are committed
            if output == "exchange_rates":
                update_exchange_rates(con, mapped)
                return
            if output == "customers":
                update_customers(con, mapped)
                books = customer_books(con, mapped)
            else:
                update_days(con, CONSENTS if output == "consents" else EVENTS, mapped, wanted)
                books = daily_books(con, output, mapped, wanted)
        assert verdict(books).passed, books

    def failure(self, *keys: str, days: Iterable[int] = (1,)) -> str:
        """What the user is told by a run that fails."""
        result = self.materialize(*keys, days=days, raises=False)
        assert not result.success
        events = [event for event in result.all_events if event.is_step_failure]
        return str(events[0].step_failure_data.user_failure_data or events[0].step_failure_data.error)

    def query(self, sql: str, parameters: Mapping[str, Any] | list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query over the lake."""
        with self.lake.reading() as con:
            return con.execute(sql, parameters).fetchall()

    def one(self, sql: str) -> Any:
        """The only value of a query."""
        ((value,),) = self.query(sql)
        return value

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table of both stages, without what differs from one load of the same files to another."""
        return {table: self.query(sql) for table, sql in STATE.items()}


STATE = {
    "people": "SELECT * EXCLUDE (_extracted_at, _extract_id) FROM lake.raw.shop__people ORDER BY ALL",
    "raw_events": "SELECT * EXCLUDE (_extracted_at, _extract_id) FROM lake.raw.shop__events ORDER BY ALL",
    "customers": "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.customers ORDER BY ALL",
    "identifiers": "FROM lake.standardized.identifiers ORDER BY ALL",
    "events": "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.events ORDER BY ALL",
    "consents": "SELECT * EXCLUDE (_raw_row) FROM lake.standardized.consents ORDER BY ALL",
    "duplicates": "SELECT * EXCLUDE (raw_row) FROM lake.standardized.duplicates ORDER BY ALL",
    "deletions": "FROM lake.standardized.deletions ORDER BY ALL",
    "quarantine": """SELECT source, stream, output, mapping, reasons, _day, json_merge_patch(payload,
        '{"_extracted_at": null, "_extract_id": null}') AS payload FROM lake.standardized.quarantine ORDER BY ALL""",
}


def load_days(
    con: duckdb.DuckDBPyConnection, company: SmallCompany, source: str, name: str, days: Collection[dt.date]
) -> None:
    """Load one stream's files of some days."""
    model, table = company.model, f"raw.{source}__{name}"
    stream = model.sources[source].streams[name]
    files = [file for file in list_files(str(company.landing), stream.files, day(1)) if file.day in days]
    load(con, table, new_extracts(con, table, files, days), stream, model.company)


def csv(*rows: str) -> str:
    """Lines of a file."""
    return "".join(row + "\n" for row in rows)


@contextmanager
def undone(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What the block does to the lake is forgotten at its end."""
    con.execute("BEGIN")
    try:
        yield
    finally:
        con.execute("ROLLBACK")


def metadata_of(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """Metadata values of one asset's materialization: of a range of days, each has the same."""
    events = [
        e for e in result.get_asset_materialization_events() if e.asset_key and e.asset_key.path == key.split("/")
    ]
    return {name: value.value for name, value in events[-1].materialization.metadata.items()}


def broken_facts(result: dg.ExecuteInProcessResult) -> list[str]:
    """Names of the blocking checks that did not pass."""
    return [
        check.check_name
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
