"""`pulls/<source>__<stream>`: fetches what is new into the landing folder, from where `raw` loads it like any file.

Not `dagster-dlt`: that runs a pipeline into a destination of dlt's, and here files land, so that waiting for a network
never holds the lake, and that pulled rows have the road, the checks and the ledger that all files have.
"""

import datetime as dt
from zoneinfo import ZoneInfo

import dagster as dg

from cdp_assets.partitions import daily, days_of
from cdp_assets.raw.extracts import loaded_files
from cdp_model.model import CompanySettings, Model
from cdp_model.sources import Source, Stream
from cdp_resources.environment import landing_of
from cdp_resources.lake import Lake, LakeMissing
from cdp_resources.sources.download import pull_download
from cdp_resources.sources.failures import PullFailed
from cdp_resources.sources.folders import copy_folder
from cdp_resources.sources.pulled import Pulled, pull_rows


def pull_asset(model: Model, source: Source, name: str, stream: Stream) -> dg.AssetsDefinition:
    """The asset that fetches one stream."""
    key = ["pulls", f"{source.name}__{name}"]

    @dg.asset(
        key=key,
        description=f"{stream.description}\n\nFrom {source.description.rstrip('.')}: {_where(stream)}. What is new "
        "since the last pull lands as a file of the day that the run is for; a run for a day before yesterday lands it "
        "under today. Nothing lands unless all of it came.",
        partitions_def=daily(model.company),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                "cursor_goes_forward",
                asset=key,
                description="The source still has the newest row that was pulled, and none from the future",
            )
        ],
        pool=f"pull_{source.name}",
        kinds={"dlt"} if stream.asked else {"file"},
        owners=[source.owner] if source.owner else None,
    )
    def pull(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        day = landing_day(
            max(days_of(context)), model.company, dt.datetime.now(ZoneInfo(model.company.timezone)).date()
        )
        try:
            pulled = fetch(model.company, source, name, stream, day, loaded_names(lake, source, name))
        except PullFailed as failed:
            raise dg.Failure(f"{source.name}.{name}: {failed}. Nothing of this pull has landed") from failed
        for warning in pulled.warnings:
            context.log.warning(warning)
        return dg.MaterializeResult(
            metadata={"rows" if stream.endpoint or stream.table else "files": pulled.rows}
            | ({"file": pulled.file} if pulled.file else {}),
            check_results=[
                dg.AssetCheckResult(
                    check_name="cursor_goes_forward",
                    passed=not pulled.warnings,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(pulled.warnings) or "it does",
                )
            ],
        )

    return pull


def fetch(
    company: CompanySettings, source: Source, name: str, stream: Stream, day: dt.date, loaded: set[str]
) -> Pulled:
    """Land what is new of one stream, whichever way it comes. Raises ``PullFailed``."""
    landing = landing_of(company)
    if stream.download:
        return pull_download(source, name, stream, landing, day, loaded)
    if stream.asked:
        return pull_rows(source, name, stream, landing, day, loaded)
    return copy_folder(source, stream, landing, company.start_date, loaded)


def landing_day(wanted: dt.date, company: CompanySettings, today: dt.date) -> dt.date:
    """The day that what comes now is filed under: the one wanted if it is yesterday or today, else today.

    Under an older day its events would lie in the future. A company that has ended has no day after its last.
    """
    day = wanted if today - wanted <= dt.timedelta(days=1) else today
    return min(day, company.end_date) if company.end_date else day


def loaded_names(lake: Lake, source: Source, name: str) -> set[str]:
    """Names of the files of a stream that are in the lake."""
    try:
        with lake.reading() as con:
            return {file for file, _, _ in loaded_files(con, f"raw.{source.name}__{name}")}
    except LakeMissing:
        return set()


def _where(stream: Stream) -> str:
    if stream.endpoint:
        return f"`{stream.endpoint.method} {stream.endpoint.path}`"
    if stream.table:
        return f"table `{stream.table.name}`"
    return "a file at an address" if stream.download else "files of another folder"
