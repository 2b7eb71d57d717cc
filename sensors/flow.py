"""The jobs, and the daily schedule: the whole road for one day, or for a range of days."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from cdp_assets import raw
from cdp_assets.segments import ON_DEMAND
from cdp_model import Model
from sensors.alerts import failed_checks, failed_runs
from sensors.folders import folder_files
from sensors.fresh import fresh_data, newest_events
from sensors.landing import landing_files
from sensors.maintenance import maintenance, weekly_maintenance
from sensors.overrides import corrections_file, decisions, overrides_file, rectification
from sensors.runs import DAILY, DAILY_WITHOUT_SYNCS
from sensors.segments import profiles_of_a_day, segment_changes

PULLS = dg.AssetSelection.groups("pulls")
SYNCS = dg.AssetSelection.groups("activation")
SIDE_BY_SIDE = {
    "execution": {
        "config": {
            "multiprocess": {
                "max_concurrent": 8,
                "start_method": {"forkserver": {"preload_modules": ["cdp_assets"]}},
            }
        }
    }
}
"""For syncs, which mostly wait for somebody else: each in a process of its own. All other steps follow one another."""


def _each_morning(model: Model, job: Any, hour: int, name: str, description: str) -> dg.ScheduleDefinition:
    """Starts a job for the day that has just ended in the company's time zone.

    Not Dagster's schedule of a partitioned job: that takes the newest day, and today's is open from its start.
    """

    @dg.schedule(
        job=job,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone=model.company.timezone,
        name=name,
        description=description,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(ZoneInfo(model.company.timezone))
        day = now.date() - dt.timedelta(days=1)
        if not model.company.start_date <= day <= (model.company.end_date or day):
            return dg.SkipReason(f"{day} is none of the company's days, from its first to its last")
        return dg.RunRequest(run_key=str(day), partition_key=str(day))

    return morning


def _asking(model: Model) -> tuple[Any, Any]:
    """The job and its schedule, an hour before the whole road.

    A job of its own: a source that is down must not stop what is made from others.
    """
    job = dg.define_asset_job(
        "pulls",
        selection=PULLS,
        description="Ask the sources that are asked for their rows: what is new lands as files",
    )
    said = (
        "Each morning at four in the company's time zone: what is new in sources that are asked, filed under yesterday"
    )
    return job, _each_morning(model, job, 4, "pulls_at_four", said)


def _watching(checks: list[dg.AssetChecksDefinition]) -> tuple[Any, Any]:
    """The job and its schedule: a stream that has fallen silent starts no run that could say so."""
    job = dg.define_asset_job(
        "arrivals",
        selection=dg.AssetSelection.checks(*checks),
        description="Whether the rows of each stream keep arriving, and about as many as usual",
    )
    return job, dg.ScheduleDefinition(
        name="arrivals_hourly",
        job=job,
        cron_schedule="20 * * * *",
        description="Every hour: has a stream fallen silent?",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def automation(model: Model) -> dg.Definitions:
    """Every job, schedule and sensor of the declared company."""
    whole_road = dg.define_asset_job(
        DAILY,
        selection=dg.AssetSelection.all() - PULLS - ON_DEMAND,
        description="The whole road for a day: extracts, standardized records, identity, profiles, segments, and syncs "
        "one after the other",
    )
    without_syncs = dg.define_asset_job(
        DAILY_WITHOUT_SYNCS,
        selection=dg.AssetSelection.all() - PULLS - ON_DEMAND - SYNCS,
        description="The road for a day up to its segments; then each sync starts in a run of its own",
    )
    segments = dg.define_asset_job(
        "segments",
        selection=dg.AssetSelection.groups("segments") - ON_DEMAND,
        description="Who is in which segment on a day, and who came and went",
    )
    syncs = dg.define_asset_job(
        "syncs",
        selection=SYNCS,
        executor_def=dg.multi_or_in_process_executor,
        config=SIDE_BY_SIDE,
        description="Tell destinations what has changed, all at the same time",
    )
    said = (
        "Each morning at five in the company's time zone: the whole road for yesterday, with syncs in runs of their own"
    )
    schedule = _each_morning(model, without_syncs, 5, "daily_at_five", said)
    by_clock = [_asking(model)] if any(source.pulls for source in model.sources.values()) else []
    by_clock += [_watching(checks)] if (checks := raw.checks(model)) else []
    upstream_changes = dg.AutomationConditionSensorDefinition(
        "upstream_changes",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Declarative automation: materializes what is downstream of new data, once upstream is quiet",
    )
    return dg.Definitions(
        jobs=[
            *(job for job, _ in by_clock),
            whole_road,
            without_syncs,
            fresh_data(ON_DEMAND),
            segments,
            syncs,
            decisions,
            rectification,
            maintenance,
        ],
        schedules=[*(each for _, each in by_clock), schedule, weekly_maintenance],
        sensors=[
            upstream_changes,
            landing_files(model),
            *folder_files(model),
            newest_events(model),
            overrides_file(),
            corrections_file(),
            profiles_of_a_day(),
            segment_changes(model),
            failed_runs(),
            failed_checks(),
        ],
    )
