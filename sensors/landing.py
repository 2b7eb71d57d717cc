"""New files in the landing folder start the load of their day."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator

import dagster as dg

from cdp_assets.partitions import daily
from cdp_assets.raw.extracts import loaded_files
from cdp_model import Model
from cdp_resources.environment import landing_of
from cdp_resources.lake import Lake, LakeMissing
from cdp_resources.sources.files import LandedFile, list_files
from sensors.runs import BEFORE_OTHERS, days_of_runs, unfinished_runs, version_of

MOST_RUNS_A_TICK = 10
"""More days than that are asked for in later ticks: a backlog is a backfill's work."""

LANDING = "landing_files"
BY_DAY = ("events", "consents")


def landing_files(model: Model) -> dg.SensorDefinition:
    """Looks for files that were not loaded, or that were rewritten since."""

    @dg.sensor(
        name=LANDING,
        target=_by_day(model),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or rewritten files in the landing folder: loads the days they belong to, and their events",
    )
    def watch(context: dg.SensorEvaluationContext, lake: Lake) -> Iterator[dg.RunRequest | dg.SkipReason]:
        try:
            new = new_files(model, lake)
        except FileNotFoundError as error:
            yield dg.SkipReason(str(error))
            return
        nothing = f"no new file below {landing_of(model.company)}"
        if not new:
            yield dg.SkipReason(nothing)
            return
        # files of a day that is being loaded wait for the run after it: a run for each would queue up
        loading = days_of_runs(unfinished_runs(context.instance, LANDING))
        requests = list(run_requests(new, set(daily(model.company).get_partition_keys()) - loading))
        if not requests:
            waiting = "their days are being loaded: " + ", ".join(sorted(loading))
            yield dg.SkipReason(waiting if loading else nothing)
        yield from requests[:MOST_RUNS_A_TICK]

    return watch


def new_files(model: Model, lake: Lake) -> list[tuple[dg.AssetKey, LandedFile]]:
    """Each file that is not in the ledger as it is now, with the asset it belongs to."""
    found = []
    try:
        with lake.reading() as con:
            for source, name, stream in model.streams():
                table = f"raw.{source.name}__{name}"
                known = loaded_files(con, table)
                for file in list_files(landing_of(model.company), stream.files, model.company.start_date):
                    if (file.name, file.size, file.modified) not in known:
                        found.append((dg.AssetKey(table.split(".")), file))
    except LakeMissing:
        for source, name, stream in model.streams():
            files = list_files(landing_of(model.company), stream.files, model.company.start_date)
            found += [(dg.AssetKey(["raw", f"{source.name}__{name}"]), file) for file in files]
    return found


def run_requests(new: Iterable[tuple[dg.AssetKey, LandedFile]], partitions: set[str]) -> Iterator[dg.RunRequest]:
    """One request a day, for its streams with new files and its events; the same files are never asked for twice."""
    days: dict[dt.date, list[tuple[dg.AssetKey, LandedFile]]] = defaultdict(list)
    for key, file in new:
        days[file.day].append((key, file))
    for day in sorted(days):
        if str(day) not in partitions:
            continue
        yield dg.RunRequest(
            run_key=f"{day}:{version_of(file for _, file in days[day])}",
            partition_key=str(day),
            tags=BEFORE_OTHERS,
            asset_selection=[
                *sorted({key for key, _ in days[day]}),
                *(dg.AssetKey(["standardized", output]) for output in BY_DAY),
            ],
        )


def _by_day(model: Model) -> list[dg.AssetKey]:
    raw = [dg.AssetKey(["raw", f"{source.name}__{name}"]) for source, name, _ in model.streams()]
    return [*raw, *(dg.AssetKey(["standardized", output]) for output in BY_DAY)]
