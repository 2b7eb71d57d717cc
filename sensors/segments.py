"""Profiles of a new day start its segments; changes in a segment start each sync that uses it, a new day starts all."""

from collections.abc import Iterator

import dagster as dg

from cdp_model import Model
from cdp_resources.lake import CATALOG, Lake, LakeMissing
from sensors.fresh import FRESH
from sensors.runs import DAILY, DAILY_WITHOUT_SYNCS

REPORTS = ("deliveries", "rejections")
"""What every sync writes to, reported after it."""


def profiles_of_a_day() -> dg.SensorDefinition:
    """Not declarative automation: the day to evaluate is the day of the data, not of the clock."""

    @dg.asset_sensor(
        asset_key=dg.AssetKey(["profiles", "profiles"]),
        name="profiles_of_a_day",
        minimum_interval_seconds=5,
        job_name="segments",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New profiles: evaluates the segments of the day that the profiles are for",
    )
    def watch(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> Iterator[dg.RunRequest]:
        materialization = asset_event.asset_materialization
        as_of = materialization.metadata.get("as_of") if materialization else None
        if as_of is not None and _job_of(context, asset_event) not in (DAILY, DAILY_WITHOUT_SYNCS, FRESH):
            yield dg.RunRequest(run_key=f"profiles-{asset_event.run_id}", partition_key=str(as_of.value))

    return watch


def segment_changes(model: Model) -> dg.SensorDefinition:
    """Once for each materialization of changes; those made while the daemon was down are caught up with."""

    @dg.asset_sensor(
        asset_key=dg.AssetKey(["segments", "changes"]),
        name="segment_changes",
        minimum_interval_seconds=5,
        job_name="syncs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Memberships began, ended or changed their person: starts a run for each sync that uses them. "
        "After the scheduled run of a day it starts all syncs",
    )
    def watch(
        context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry, lake: Lake
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        materialization = asset_event.asset_materialization
        day = materialization.partition if materialization else None
        job = _job_of(context, asset_event)
        if day is None or job == DAILY:
            yield dg.SkipReason("the daily run that made these changes also runs the syncs")
            return
        try:
            with lake.reading() as con:
                rows = con.execute(
                    f"SELECT DISTINCT segment FROM {CATALOG}.segments.changes WHERE as_of = ?::DATE", [day]
                ).fetchall()
        except LakeMissing as missing:
            yield dg.SkipReason(str(missing))
            return
        concerned = sorted(model.syncs) if job == DAILY_WITHOUT_SYNCS else syncs_of(model, {row[0] for row in rows})
        if not concerned:
            yield dg.SkipReason(f"no sync uses a segment that changed on {day}")
            return
        for name in concerned:
            # A run each: a slow destination keeps no other sync waiting. It has one process, for one sync.
            yield dg.RunRequest(
                run_config={"execution": {"config": {"in_process": {}}}},
                run_key=f"changes-{asset_event.run_id}-{day}-{name}",
                asset_selection=[dg.AssetKey(["activation", key]) for key in (name, *REPORTS)],
            )

    return watch


def syncs_of(model: Model, segments: set[str]) -> list[str]:
    """Names of the syncs that send one of ``segments``, sorted."""
    return sorted(name for name, sync in model.syncs.items() if sync.segment in segments)


def _job_of(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> str | None:
    run = context.instance.get_run_by_id(asset_event.run_id)
    return run.job_name if run else None
