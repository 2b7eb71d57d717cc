"""Housekeeping of the lake: old snapshots go, small files become larger ones."""

import dagster as dg
import duckdb

from cdp_assets.metadata import has_table
from cdp_resources.lake import CATALOG, Lake

KEPT_DAYS = 30
REWRITTEN = ("profiles.trait_values", "profiles.golden_records")
"""Tables in which some rows are replaced each day, wherever they are: what was deleted is skipped at each reading,
until their files are written again. Only tables whose changes nobody follows: a row written again looks changed."""


class Housekeeping(dg.Config):
    """What to keep."""

    keep_days: int = KEPT_DAYS


@dg.op(
    pool="lake",
    description="Drop replaced rows, merge small files, forget snapshots older than `keep_days`, delete files no "
    "snapshot needs",
)
def keep_house(context: dg.OpExecutionContext, config: Housekeeping, lake: Lake) -> None:
    """Each step is a DuckLake call of its own; stopping between them loses nothing."""
    older = f"older_than => now() - INTERVAL {int(config.keep_days)} DAYS"
    with lake.get_connection() as con:
        rewritten = [rewrite(con, table) for table in REWRITTEN if has_table(con, table)]
        merged = con.execute(f"CALL ducklake_merge_adjacent_files('{CATALOG}')").fetchall()
        expired = con.execute(f"CALL ducklake_expire_snapshots('{CATALOG}', {older})").fetchall()
        deleted = con.execute(f"CALL ducklake_cleanup_old_files('{CATALOG}', {older})").fetchall()
    said = "%d files rewritten, %d merges, %d snapshots forgotten, %d files deleted"
    context.log.info(said, sum(rewritten), len(merged), len(expired), len(deleted))


def rewrite(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Write the files of a table without the rows that were deleted from them; how many files had any."""
    schema, _, name = table.partition(".")
    rows = con.execute(
        f"SELECT files_processed FROM ducklake_rewrite_data_files('{CATALOG}', ?, schema => ?, delete_threshold => 0)",
        [name, schema],
    ).fetchall()
    return sum(row[0] for row in rows)


@dg.job(description="Housekeeping of the lake: small files, old snapshots")
def maintenance() -> None:
    """The weekly job."""
    keep_house()


weekly_maintenance = dg.ScheduleDefinition(
    name="weekly_maintenance",
    job=maintenance,
    cron_schedule="0 3 * * 0",
    description="Housekeeping of the lake, Sundays at three (UTC)",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
