"""A real company, by YAML only: half a million invoice lines with a fifth without a customer."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import cdp_assets
from cdp_model import load_model
from cdp_resources.company import Company
from cdp_resources.lake import Lake

MODEL = Path(__file__).parent.parent / "examples" / "uci_retail"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

pytestmark = pytest.mark.skipif(
    not os.environ.get("CDP_REAL_DATA"), reason="CDP_REAL_DATA does not say where the UCI Online Retail II file is"
)


def materialize(lake: Lake, first: str, last: str, selection: dg.AssetSelection | None = None) -> Any:
    company = Company(path=str(MODEL))
    return dg.materialize(
        cdp_assets.assets(company.model),
        resources={"lake": lake, "company": company},
        selection=selection or dg.AssetSelection.all() - dg.AssetSelection.groups("segments", "activation"),
        tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        run_config=QUIET,
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    home = tmp_path_factory.mktemp("uci")
    before = dict(os.environ)
    os.environ |= {"CDP_HOME": str(home)}
    os.environ.pop("CDP_LANDING", None)
    lake = Lake(catalog=f"sqlite:{home / 'catalog.sqlite'}", data_path=str(home / "data"))
    assert materialize(lake, "2009-12-01", "2010-11-30").success
    assert materialize(lake, "2010-12-01", "2010-12-09").success
    last_day = dg.AssetSelection.groups("segments", "activation")
    assert materialize(lake, "2010-12-09", "2010-12-09", last_day).success
    yield lake
    os.environ.clear()
    os.environ |= before


def ask(lake: Lake, query: str) -> Any:
    with lake.reading() as con:
        row = con.execute(query).fetchone()
    return row[0] if row and len(row) == 1 else row


def test_the_model_is_yaml_only() -> None:
    assert load_model(MODEL).company.name == "uci_retail"
    assert {path.suffix for path in MODEL.rglob("*") if path.is_file()} == {".yaml"}


def test_every_line_is_loaded_once_although_the_file_holds_every_day(lake: Lake) -> None:
    assert ask(lake, "SELECT count(*) FROM lake.raw.invoices__lines") == 525_461


def test_customers_and_lines_without_one_are_as_published(lake: Lake) -> None:
    assert ask(lake, "SELECT count(*) FROM lake.standardized.customers") == 4_383
    assert ask(lake, "SELECT count(*) FROM lake.profiles.profiles") == 4_383
    unknown = "SELECT count(*) / 525461 FROM lake.standardized.events WHERE record_key IS NULL"
    assert ask(lake, unknown) == pytest.approx(0.2, abs=0.01)


def test_cancellations_are_events_of_their_own_and_repeated_lines_count_once(lake: Lake) -> None:
    names = "SELECT count(*) FROM lake.standardized.events WHERE event_name = 'Product Cancelled'"
    duplicates = "SELECT count(*) FROM lake.standardized.duplicates WHERE output = 'events'"
    assert ask(lake, names) == 10_182
    assert ask(lake, duplicates) == 6_866


def test_the_spend_of_a_customer_equals_a_plain_sum_over_the_file(lake: Lake) -> None:
    plain = """
        SELECT sum(total) FROM (
            SELECT DISTINCT Invoice, StockCode, Quantity, Price, Quantity::BIGINT * Price::DOUBLE AS total
            FROM lake.raw.invoices__lines
            WHERE "Customer ID"::DOUBLE = 13085 AND Invoice NOT LIKE 'C%' AND Quantity::BIGINT > 0)"""
    spend = """
        SELECT spend FROM lake.profiles.profiles
        JOIN lake.identity.record_persons USING (person_id) WHERE record_key = 'invoices:13085'"""
    assert float(ask(lake, spend)) == pytest.approx(ask(lake, plain))


def test_no_names_means_nobody_is_linked_by_guess(lake: Lake) -> None:
    assert ask(lake, "SELECT max(records) FROM lake.identity.persons") == 1


def test_segments_and_the_sync_run_on_real_data(lake: Lake) -> None:
    lapsed = ask(lake, "SELECT members FROM lake.segments.evaluations WHERE segment = 'lapsed_regulars'")
    assert lapsed > 0
    assert ask(lake, "SELECT count(*) FROM lake.activation.deliveries WHERE status = 'acknowledged'") == lapsed
