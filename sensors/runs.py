"""Which runs are under way, so that a sensor starts none beside them that would do the same."""

import hashlib
from collections.abc import Collection, Iterable

import dagster as dg

from cdp_resources.sources.files import LandedFile

DAILY, DAILY_WITHOUT_SYNCS = "daily", "daily_without_syncs"
"""Jobs for a whole day: the first has the syncs in it, after the second they are started by what it changed."""

BEFORE_OTHERS = {"dagster/priority": "10"}
"""Tags of runs that make what just arrived visible: reports of earlier data that wait for the lake too come after."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unfinished_runs(instance: dg.DagsterInstance, sensor: str) -> list[dg.DagsterRun]:
    """Runs that the sensor of that name started, queued or under way."""
    return list(instance.get_runs(dg.RunsFilter(tags={"dagster/sensor_name": sensor}, statuses=UNFINISHED)))


def version_of(files: Iterable[LandedFile]) -> str:
    """Another one when other files are there, or one of them was rewritten: the same are never asked for twice."""
    versions = sorted(f"{file.name}|{file.size}|{file.modified}" for file in files)
    return hashlib.sha256("|".join(versions).encode()).hexdigest()[:16]


def under_way(instance: dg.DagsterInstance, asset: dg.AssetKey, jobs: Collection[str]) -> bool:
    """Whether a run that makes ``asset`` is queued or under way: of ``jobs``, which make it, or of chosen assets."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return any(run.job_name in jobs or asset in (run.asset_selection or ()) for run in runs)


def days_of_runs(runs: list[dg.DagsterRun]) -> set[str]:
    """The partitions that runs are for."""
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}
