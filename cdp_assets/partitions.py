"""Days: the partitions of everything that has a day."""

import datetime as dt
import warnings
from collections.abc import Collection
from functools import lru_cache

import dagster as dg

from cdp_model.model import CompanySettings

warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
"""Single-run backfills are what old days are loaded with, beta or not; one line an asset at each start helps nobody."""


@lru_cache(maxsize=8)
def _daily(start: dt.date, end: dt.date | None, timezone: str) -> dg.DailyPartitionsDefinition:
    after_end = dt.datetime.combine(end + dt.timedelta(days=1), dt.time()) if end else None
    return dg.DailyPartitionsDefinition(
        start_date=dt.datetime.combine(start, dt.time()), end_date=after_end, timezone=timezone, end_offset=1
    )


def daily(company: CompanySettings) -> dg.DailyPartitionsDefinition:
    """One partition a day in the company's time zone, from its first day; today's is open from its start."""
    return _daily(company.start_date, company.end_date, company.timezone)


def days_of(context: dg.AssetExecutionContext) -> set[dt.date]:
    """The days that a run was asked for: one, or all of a backfilled range."""
    return {dt.date.fromisoformat(key) for key in context.partition_keys}


def days_condition(days: Collection[dt.date], column: str = "_day") -> str:
    """SQL for ``column`` being one of ``days``; a range where they are one, so that files can be skipped."""
    if len(days) == (max(days) - min(days)).days + 1:
        return f"{column} BETWEEN DATE '{min(days)}' AND DATE '{max(days)}'"
    listed = ", ".join(f"DATE '{day}'" for day in sorted(days))
    return f"{column} IN ({listed})"
