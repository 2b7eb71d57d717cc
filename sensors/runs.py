"""Which runs are under way, so that a sensor starts none beside them that would do the same."""

from collections.abc import Collection

import dagster as dg

DAILY, DAILY_WITHOUT_SYNCS = "daily", "daily_without_syncs"
"""Jobs for a whole day: the first has the syncs in it, after the second they are started by what it changed."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unfinished_runs(instance: dg.DagsterInstance, sensor: str) -> list[dg.DagsterRun]:
    """Runs that the sensor of that name started, queued or under way."""
    return list(instance.get_runs(dg.RunsFilter(tags={"dagster/sensor_name": sensor}, statuses=UNFINISHED)))


def under_way(instance: dg.DagsterInstance, asset: dg.AssetKey, jobs: Collection[str]) -> bool:
    """Whether a run that makes ``asset`` is queued or under way: of ``jobs``, which make it, or of chosen assets."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return any(run.job_name in jobs or asset in (run.asset_selection or ()) for run in runs)


def days_of_runs(runs: list[dg.DagsterRun]) -> set[str]:
    """The partitions that runs are for."""
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}
