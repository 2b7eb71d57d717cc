"""Exchange rates: what becomes one, what is rejected, corrections, and what the checks say of them."""

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from cdp_assets.profiles import assets as profile_assets
from cdp_assets.standardized.exchange_rates import findings
from tests.small_company import BANK, SmallCompany, csv, day, metadata_of

EURO_REFERENCE = """
    name: bank
    description: Reference rates of the European Central Bank, one column a currency
    streams:
      rates:
        description: One row for each working day
        files: eurofxref-hist.csv
        format: csv
        columns: {Date: , USD: , JPY: }
        exchange_rates:
          - {date: Date, currency: "'USD'", rate: 1 / USD::double}
          - {date: Date, currency: "'JPY'", rate: "1 / nullif(JPY, 'N/A')::double"}
"""


def land(company: SmallCompany, number: int, *rows: str) -> None:
    company.land(f"rates/2026-03-{number:02}.csv", csv("date,currency,rate", *rows))


def bring(company: SmallCompany, *days: int) -> dict[str, list[str]]:
    """Make the rates of a range of days; what is found wrong with them, by check."""
    company.declare("sources/bank.yaml", BANK)
    company.bring("exchange_rates", days or (1,))
    with company.lake.reading() as con:
        found = findings(con, company.model)
    return {check: wrong for check, wrong in found.items() if wrong}


def rates(company: SmallCompany) -> list[tuple[Any, ...]]:
    return company.query("SELECT date, currency, rate FROM lake.standardized.exchange_rates ORDER BY currency, date")


def test_a_rate_is_what_its_mapping_says(company: SmallCompany) -> None:
    land(company, 1, "2026-03-01,usd,0.92", "2026-03-01,JPY,.0061")
    assert bring(company) == {}
    assert rates(company) == [(day(1), "JPY", 0.0061), (day(1), "USD", 0.92)]


def test_a_wide_file_with_a_column_a_currency_is_only_another_mapping(company: SmallCompany) -> None:
    company.declare("sources/bank.yaml", EURO_REFERENCE)
    company.land("eurofxref-hist.csv", csv("Date,USD,JPY", "2026-03-02,1.25,N/A", "2026-02-27,1.6,160", "2026-02-26,,"))
    company.bring("exchange_rates")
    assert rates(company) == [
        (dt.date(2026, 2, 27), "JPY", 0.00625),
        (dt.date(2026, 2, 27), "USD", 0.625),
        (day(2), "USD", 0.8),
    ]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_correction_in_a_later_extract_replaces_the_rate_in_whatever_order_they_are_loaded(
    company: SmallCompany, order: tuple[int, int]
) -> None:
    land(company, 1, "2026-03-01,USD,0.92")
    land(company, 2, "2026-03-01,USD,0.91", "2026-03-02,USD,0.90")
    for number in order:
        bring(company, number)
    assert rates(company) == [(day(1), "USD", 0.91), (day(2), "USD", 0.9)]


def test_a_file_that_was_rewritten_replaces_what_it_said(company: SmallCompany) -> None:
    land(company, 1, "2026-03-01,USD,0.92")
    bring(company)
    land(company, 1, "2026-03-01,USD,0.915")
    bring(company)
    assert rates(company) == [(day(1), "USD", 0.915)]


def test_a_row_that_is_no_rate_is_in_the_quarantine_and_a_check_says_so(company: SmallCompany) -> None:
    wrong = {
        "2026-03-01,USD,0": "rate is not above 0",
        "2026-03-01,USD,-0.9": "rate is not above 0",
        "2026-03-01,USD,inf": "rate is not a number",
        "2026-03-01,USD,about one": "rate is not a number",
        "2026-03-01,US dollar,0.9": "currency is not three letters",
        "yesterday,USD,0.9": "date is not a date",
        "20260-03-01,USD,0.9": "date is out of the question",
    }
    land(company, 1, *wrong, "2026-03-01,JPY,.0061")
    found = bring(company)["rates_could_be_read"]
    assert "rate is not above 0: 2 rows, the first of 2026-03-01" in found
    assert len(found) == 5
    assert len(rates(company)) == 1
    row = "payload ->> '$.date', payload ->> '$.currency', payload ->> '$.rate'"
    rejected = company.query(f"SELECT concat_ws(',', {row}), reasons FROM lake.standardized.quarantine")
    assert dict(rejected) == {row: [reason] for row, reason in wrong.items()}


def test_the_asset_says_what_its_checks_have_found(company: SmallCompany) -> None:
    company.declare("sources/bank.yaml", BANK)
    land(company, 1, "2026-03-01,USD,0.92", "2026-03-02,USD,1.92")
    result = company.materialize("raw/bank__rates", "standardized/exchange_rates", "standardized/quarantine")
    checks = {c.check_name: (c.passed, c.description) for c in result.get_asset_check_evaluations()}
    assert checks["rates_do_not_jump"] == (False, "USD: +109% on 2026-03-02")
    assert checks["rates_have_no_gaps"] == (True, "")
    assert metadata_of(result, "standardized/exchange_rates")["dagster/row_count"] == 2


def test_jumps_and_gaps_are_named_with_currency_and_day(company: SmallCompany) -> None:
    land(company, 1, "2026-03-01,USD,0.92", "2026-03-01,JPY,.0061")
    land(company, 9, "2026-03-08,JPY,.0062", "2026-03-09,USD,0.70")
    found = bring(company, 1, 9)
    assert found == {
        "rates_have_no_gaps": ["USD: none between 2026-03-01 and 2026-03-09"],
        "rates_do_not_jump": ["USD: -24% on 2026-03-09"],
    }


def test_rates_that_stopped_while_amounts_go_on_are_a_gap(company: SmallCompany) -> None:
    land(company, 1, "2026-03-01,USD,0.92", "2026-03-01,JPY,.0061")
    row = "e1,7,Bought,2026-03-12 10:00,,,10,USD"
    company.land("events/2026-03-12.csv", csv("id,who,what,at,sent,received,amount,currency", row))
    company.bring("events", days=[12])
    assert bring(company) == {"rates_have_no_gaps": ["USD: none between 2026-03-01 and 2026-03-12"]}


def test_what_makes_money_of_events_comes_after_the_rates(company: SmallCompany) -> None:
    rates = dg.AssetKey(["standardized", "exchange_rates"])
    assert not any(rates in asset.dependency_keys for asset in profile_assets(company.model))
    company.declare("sources/bank.yaml", BANK)
    after = {asset.key.to_user_string() for asset in profile_assets(company.model) if rates in asset.dependency_keys}
    assert after == {"profiles/traits", "profiles/timeline"}
