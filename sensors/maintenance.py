"""Housekeeping of the lake: old snapshots go, small files become larger ones."""

import dagster as dg

from cdp_resources.lake import CATALOG, Lake

KEPT_DAYS = 30


class Housekeeping(dg.Config):
    """What to keep."""

    keep_days: int = KEPT_DAYS


@dg.op(
    pool="lake",
    description="Merge small files, forget snapshots older than `keep_days`, delete files no snapshot needs",
)
def keep_house(context: dg.OpExecutionContext, config: Housekeeping, lake: Lake) -> None:
    """Each step is a DuckLake call of its own; stopping between them loses nothing."""
    older = f"older_than => now() - INTERVAL {int(config.keep_days)} DAYS"
    with lake.get_connection() as con:
        merged = con.execute(f"CALL ducklake_merge_adjacent_files('{CATALOG}')").fetchall()
        expired = con.execute(f"CALL ducklake_expire_snapshots('{CATALOG}', {older})").fetchall()
        deleted = con.execute(f"CALL ducklake_cleanup_old_files('{CATALOG}', {older})").fetchall()
    context.log.info("%d merges, %d snapshots forgotten, %d files deleted", len(merged), len(expired), len(deleted))


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
