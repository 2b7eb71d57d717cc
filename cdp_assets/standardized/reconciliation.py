"""The books: every raw row that a mapping is for is in the table, a duplicate, or in quarantine; never two of them."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.partitions import days_condition
from cdp_assets.standardized.mapped import Mapped
from cdp_resources.lake import CATALOG

Line = tuple[str, int, int, int, int]
"""Stream, raw rows, standardized, duplicates, quarantined."""


def daily_books(
    con: duckdb.DuckDBPyConnection, output: str, mapped: list[Mapped], days: Collection[dt.date]
) -> list[Line]:
    """A line for each stream of a daily output. Each of the four numbers is counted in its own table."""
    in_days = days_condition(days)
    lines = []
    for m in mapped:
        if not has_table(con, m.raw_table):
            continue
        origin = f"'{m.raw_name}' AND {in_days}"
        other = f"output = '{output}' AND mapping = {m.position} AND stream = {origin}"
        row = con.execute(f"""
            SELECT (SELECT count(*) FROM {CATALOG}.{m.raw_table} WHERE {in_days} AND {m.where}),
                (SELECT count(*) FROM {CATALOG}.standardized.{output}
                 WHERE _mapping = {m.position} AND _stream = {origin}),
                (SELECT count(*) FROM {CATALOG}.standardized.duplicates WHERE {other}),
                (SELECT count(*) FROM {CATALOG}.standardized.quarantine WHERE {other})
        """).fetchone()
        assert row
        lines.append((m.raw_name, *row))
    return lines


def customer_books(con: duckdb.DuckDBPyConnection, mapped: list[Mapped]) -> list[Line]:
    """A line for each stream with customers; duplicates are the versions that a later one replaced, filled or
    deleted.
    """
    lines = []
    for m in mapped:
        if not has_table(con, m.raw_table):
            continue
        stream = m.raw_name
        row = con.execute(f"""
            SELECT (SELECT count(*) FROM {CATALOG}.{m.raw_table} WHERE {m.where}), count(*),
                coalesce(sum(_versions) - count(*), 0)
                    + (SELECT coalesce(sum(versions), 0) FROM {CATALOG}.standardized.deletions
                       WHERE stream = '{stream}'),
                (SELECT count(*) FROM {CATALOG}.standardized.quarantine
                 WHERE output = 'customers' AND stream = '{stream}')
            FROM {CATALOG}.standardized.customers WHERE _stream = '{stream}'
        """).fetchone()
        assert row
        raw, kept, duplicates, rejected = (int(count) for count in row)
        lines.append((stream, raw, kept, duplicates, rejected))
    return lines


def verdict(lines: list[Line]) -> dg.AssetCheckResult:
    """Passes when raw = standardized + duplicates + quarantined for every stream."""
    wrong = [stream for stream, raw, kept, duplicates, rejected in lines if raw != kept + duplicates + rejected]
    table = [
        f"| {stream} | {raw:,} | {kept:,} | {duplicates:,} | {rejected:,} | {raw - kept - duplicates - rejected:,} |"
        for stream, raw, kept, duplicates, rejected in lines
    ]
    heading = [
        "| stream | raw | standardized | duplicates | quarantined | difference |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    metadata: dict[str, Any] = {"books": dg.MetadataValue.md("\n".join([*heading, *table]))}
    return dg.AssetCheckResult(
        check_name="counts_reconcile",
        passed=not wrong,
        description=f"counts differ for {', '.join(wrong)}"
        if wrong
        else "raw = standardized + duplicates + quarantined",
        metadata=metadata,
    )
