"""Money in the company's currency: an amount times the last rate of its currency on or before its day.

The day is that of the event on the company's clock, so that no day sees a rate of a later one. Rates are looked up for
each question, and not kept with the events: a rate that comes late, or is corrected, is heeded the next time. Pure
query building, but for ``amounts_without_rate``.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.profiles.clock import local_time
from cdp_assets.standardized.exchange_rates import RATES
from cdp_model.model import CompanySettings, Model
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal

AMOUNTS_HAVE_RATES = "amounts_have_rates"


def with_reporting_money(model: Model, events: str) -> str:
    """SELECT of the rows of ``events``, which have revenue, currency and day, and ``revenue_reporting``.

    Null where no rate is known, and never an amount of another currency as it stands. To the nearest of four decimals,
    so that a sum does not hang on the order of rows. It goes by way of floating point: DuckDB takes a hundred times as
    long to round decimals of such length.
    """
    company = model.company
    fixed = _fixed(company)
    rate = f"coalesce(rates.rate, {fixed})" if model.has_dated_rates else fixed
    reported = f"""
        CASE WHEN coalesce(e.currency, {literal(company.currency)}) = {literal(company.currency)} THEN e.revenue
            ELSE TRY_CAST(e.revenue::DOUBLE * {rate} AS DECIMAL(18,4)) END AS revenue_reporting"""
    if not model.has_dated_rates:
        return f"SELECT e.*, {reported} FROM ({events}) AS e"
    # after the last day with a rate of any currency each keeps its last one: one look-up serves both cases
    return f"""
        SELECT e.*, {reported}
        FROM ({events}) AS e
        LEFT JOIN ({DAILY_RATES}) AS rates
            ON rates.currency = e.currency AND rates.day = least(e.day, (SELECT max(date) FROM {RATES}))"""


DAILY_RATES = f"""
    SELECT currency, rate, (date + unnest(range(until - date))::INTEGER) AS day FROM (
        SELECT currency, date, rate, lead(date, 1, (SELECT max(date) + 1 FROM {RATES}))
            OVER (PARTITION BY currency ORDER BY date) AS until
        FROM {RATES})"""
"""SELECT of currency, day, rate: of every day, to the last one with a rate of any currency."""


def lineage(model: Model) -> list[tuple[str, str]]:
    """What the money of an event is made from."""
    rate = [("standardized/exchange_rates", "rate")] if model.has_dated_rates else []
    return [("standardized/events", "revenue"), ("standardized/events", "currency"), *rate]


def amounts_without_rate(con: duckdb.DuckDBPyConnection, model: Model, before: str) -> dg.AssetCheckResult:
    """A check that no amount of a record's event before a moment (SQL) is null for want of a rate; else which are."""
    own, day = literal(model.company.currency), f"({local_time('occurred_at', model.company.timezone)})::DATE"
    amounts = f"""
        SELECT revenue, currency, {day} AS day FROM {CATALOG}.standardized.events
        WHERE occurred_at < {before} AND revenue IS NOT NULL AND currency <> {own} AND record_key IS NOT NULL"""
    rows = con.execute(f"""
        SELECT CASE WHEN regexp_full_match(currency, '[A-Z]{{3}}') THEN currency ELSE 'no currency code' END AS code,
            min(day), max(day), count(DISTINCT day), count(*)
        FROM ({with_reporting_money(model, amounts)}) WHERE revenue_reporting IS NULL
        GROUP BY code ORDER BY count(*) DESC, code""").fetchall()
    return dg.AssetCheckResult(
        check_name=AMOUNTS_HAVE_RATES,
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=_said(rows) or "every amount could be converted",
        metadata={
            "amounts_without_rate": sum(row[4] for row in rows),
            "without_rate": dg.MetadataValue.md(_table(rows)),
        },
    )


def _said(rows: Sequence[tuple[Any, ...]]) -> str:
    each = [f"{count:,} in {code} from {first} to {last}" for code, first, last, _, count in rows]
    return f"null in traits, because there is no rate: {'; '.join(each[:10])}" if each else ""


def _table(rows: Sequence[tuple[Any, ...]]) -> str:
    lines = [f"| {code} | {first} | {last} | {days:,} | {count:,} |" for code, first, last, days, count in rows]
    return "\n".join(["| currency | first day | last day | days | amounts |", "|---|---|---|--:|--:|", *lines])


def _fixed(company: CompanySettings) -> str:
    """SQL of the rate of `company.yaml` for a currency; null without one."""
    cases = " ".join(f"WHEN {literal(code)} THEN {rate!r}" for code, rate in sorted(company.exchange_rates.items()))
    return f"(CASE e.currency {cases} END)::DOUBLE" if cases else "NULL::DOUBLE"
