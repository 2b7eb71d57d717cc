"""`standardized/exchange_rates`: what other currencies are worth in the reporting currency, day by day."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.metadata import Lineage, has_table, table_metadata
from cdp_assets.raw.streams import ensure_columns
from cdp_assets.standardized.candidates import rate_candidates
from cdp_assets.standardized.mapped import Mapped, mappings
from cdp_assets.standardized.rejection import QUARANTINE, ensure_quarantine, reject
from cdp_model.model import Model
from cdp_resources.lake import CATALOG, Lake
from cdp_resources.sql import literal

KEY = ["standardized", "exchange_rates"]
RATES = f"{CATALOG}.standardized.exchange_rates"
LONGEST_GAP = 7
"""Days: banks close for a long weekend at most."""
LARGEST_JUMP = 0.2
SHOWN = 10
COLUMNS = {
    "date": "DATE",
    "currency": "VARCHAR",
    "rate": "DOUBLE",
    "source": "VARCHAR",
    "_stream": "VARCHAR",
    "_mapping": "INTEGER",
    "_day": "DATE",
    "_raw_row": "BIGINT",
}
DESCRIPTIONS = {
    "date": "The day from which it holds, until the next rate of the currency",
    "currency": "ISO 4217",
    "rate": "What one unit of it is worth in the reporting currency",
    "source": "The source that said so",
    "_stream": "The raw table it came from",
    "_mapping": "Which mapping of the stream, from 0",
    "_day": "Day of the extract that brought it",
    "_raw_row": "rowid of the raw row",
}
CHECKS = {
    "rates_could_be_read": "Every row of rates has a day, a currency and a rate above 0; others are in the quarantine",
    "rates_have_no_gaps": f"No currency is without a new rate for more than {LONGEST_GAP} days; the last one counts",
    "rates_do_not_jump": f"No rate differs by more than {LARGEST_JUMP:.0%} from the one before",
}


def assets_of(model: Model) -> list[list[str]]:
    """Key of the asset where a stream gives rates; what makes money of events comes after it."""
    return [KEY] if model.has_dated_rates else []


def exchange_rates_asset(model: Model) -> dg.AssetsDefinition:
    """The asset of exchange rates, downstream of the streams that declare them."""
    mapped = mappings(model, "exchange_rates")

    @dg.asset(
        key=KEY,
        deps=[dg.AssetKey(table.split(".")) for table in sorted({m.raw_table for m in mapped})],
        check_specs=[dg.AssetCheckSpec(name, asset=KEY, description=said) for name, said in CHECKS.items()],
        pool="lake",
        kinds={"duckdb"},
    )
    def exchange_rates(lake: Lake) -> dg.MaterializeResult:
        """Exchange rates: one row for each currency and day that a source gave a rate for.

        From every stream with an `exchange_rates` mapping. Of several rates of one day the one from the latest extract
        counts, so that a correction replaces what it corrects. Traits use the last rate on or before an event's day.
        """
        with lake.transaction("standardized.exchange_rates") as con:
            update_exchange_rates(con, mapped)
            metadata = table_metadata(con, "standardized.exchange_rates", DESCRIPTIONS, lineage=_lineage(mapped))
            results = [_result(name, found) for name, found in findings(con, model).items()]
        return dg.MaterializeResult(metadata=metadata, check_results=results)

    return exchange_rates


def update_exchange_rates(con: duckdb.DuckDBPyConnection, mapped: Sequence[Mapped]) -> None:
    """Make the table anew from everything that was ever extracted: a hundred thousand rows in ten years."""
    ensure_quarantine(con)
    con.execute(f"DELETE FROM {QUARANTINE} WHERE output = 'exchange_rates'")
    con.execute(f"CREATE OR REPLACE TABLE {RATES} ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    present = [m for m in mapped if has_table(con, m.raw_table)]
    for m in present:
        ensure_columns(con, m.raw_table, m.stream.columns)
    if not present:
        return
    selects = " UNION ALL ".join(rate_candidates(m, "true") for m in present)
    con.execute(f"CREATE OR REPLACE TEMP TABLE candidates AS {selects}")
    for m in present:
        reject(con, m)
    con.execute(f"""
        INSERT INTO {RATES}
        SELECT date, currency, latest.rate, latest.source, latest.stream, latest.mapping, latest._day, latest.raw_row
        FROM (
            SELECT date, currency, max({{'_day': _day, 'loaded': _extracted_at, 'file': _source_file, 'rate': rate,
                'source': source, 'stream': stream, 'mapping': mapping, 'raw_row': raw_row}}) AS latest
            FROM candidates WHERE len(reasons) = 0 GROUP BY date, currency)
        ORDER BY currency, date""")


def findings(con: duckdb.DuckDBPyConnection, model: Model) -> dict[str, list[str]]:
    """What is wrong with the rates, by check: a text for each, without values of rows."""
    return {
        "rates_could_be_read": _unread(con),
        "rates_have_no_gaps": _gaps(con, model),
        "rates_do_not_jump": _jumps(con),
    }


def _unread(con: duckdb.DuckDBPyConnection) -> list[str]:
    """What is wrong with rows that gave no rate, by reason."""
    rows = con.execute(f"""
        SELECT reason, count(*), min(_day) FROM (
            SELECT unnest(reasons) AS reason, _day FROM {QUARANTINE} WHERE output = 'exchange_rates')
        GROUP BY reason ORDER BY count(*) DESC, reason""").fetchall()
    return [f"{reason}: {count:,} rows, the first of {day}" for reason, count, day in rows]


def _gaps(con: duckdb.DuckDBPyConnection, model: Model) -> list[str]:
    """Times without a new rate since the company's first day, up to the latest amount in the currency."""
    amounts = f"""
        SELECT currency, max(_day) AS last_amount FROM {CATALOG}.standardized.events
        WHERE revenue IS NOT NULL GROUP BY currency"""
    if not has_table(con, "standardized.events"):
        amounts = "SELECT NULL::VARCHAR AS currency, NULL::DATE AS last_amount"
    rows = con.execute(f"""
        SELECT currency, date, next FROM (
            SELECT currency, date, coalesce(lead(date) OVER (PARTITION BY currency ORDER BY date), last_amount) AS next
            FROM {RATES} LEFT JOIN ({amounts}) USING (currency))
        WHERE next - date > {LONGEST_GAP} AND next > DATE {literal(str(model.company.start_date))}
        ORDER BY currency, date""").fetchall()
    return [f"{currency}: none between {first} and {following}" for currency, first, following in rows]


def _jumps(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Rates that differ much from the one before: a decimal point in the wrong place, or a rate the wrong way round."""
    rows = con.execute(f"""
        SELECT currency, date, rate / before - 1 AS jump FROM (
            SELECT currency, date, rate, lag(rate) OVER (PARTITION BY currency ORDER BY date) AS before FROM {RATES})
        WHERE abs(jump) > {LARGEST_JUMP} ORDER BY currency, date""").fetchall()
    return [f"{currency}: {jump:+.0%} on {day}" for currency, day, jump in rows]


def _result(name: str, found: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""),
        metadata={"found": len(found)},
    )


def _lineage(mapped: Sequence[Mapped]) -> Lineage:
    lineage: dict[str, list[Any]] = {}
    for m in mapped:
        for field, origin in m.lineage():
            lineage.setdefault(field, []).append(origin)
    return lineage
