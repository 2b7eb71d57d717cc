"""New files in folders, buckets and servers elsewhere start the copy of their stream."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import dagster as dg

from cdp_assets.pulls.streams import landing_day, loaded_names
from cdp_model import Model
from cdp_model.sources import Source
from cdp_resources.environment import landing_of
from cdp_resources.lake import Lake
from cdp_resources.sources.failures import PullFailed
from cdp_resources.sources.files import LandedFile
from cdp_resources.sources.folders import new_files, remote_folder
from sensors.runs import version_of


def folder_files(model: Model) -> list[dg.SensorDefinition]:
    """A sensor for each source with a folder: one that can't be reached keeps no other waiting."""
    return [_watch(model, source) for source in model.sources.values() if source.folder]


def _watch(model: Model, source: Source) -> dg.SensorDefinition:
    streams = {name: stream for name, stream in source.pulls.items() if not stream.asked}
    keys = {name: dg.AssetKey(["pulls", f"{source.name}__{name}"]) for name in streams}

    @dg.sensor(
        name=f"folder_of_{source.name}",
        target=list(keys.values()),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"New or rewritten files in the folder of {source.name}: copies them, from where they are loaded",
    )
    def watch(lake: Lake) -> Iterator[dg.RunRequest | dg.SkipReason]:
        today = dt.datetime.now(ZoneInfo(model.company.timezone)).date()
        found: dict[str, list[LandedFile]] = {}
        try:
            with remote_folder(source) as (remote, root):
                for name, stream in streams.items():
                    known = loaded_names(lake, source, name)
                    new = new_files(
                        source, stream, landing_of(model.company), model.company.start_date, known, remote, root
                    )
                    found |= {name: new} if new else {}
        except PullFailed as failed:
            yield dg.SkipReason(f"{source.name}: {failed}")
            return
        if not found:
            yield dg.SkipReason(f"no new file in the folder of {source.name}")
            return
        yield dg.RunRequest(
            run_key=version_of(file for new in found.values() for file in new),
            partition_key=str(landing_day(today, model.company, today)),
            asset_selection=[keys[name] for name in found],
        )

    return watch
