"""New events start what is made of them: people, profiles and the segments of the newest day, in one run."""

from typing import Any

import dagster as dg

from cdp_assets.profiles.traits import latest_day
from cdp_model import Model
from cdp_resources.lake import Lake, LakeMissing
from sensors.landing import BY_DAY, LANDING
from sensors.runs import BEFORE_OTHERS, DAILY, DAILY_WITHOUT_SYNCS, days_of_runs, under_way, unfinished_runs

FRESH = "fresh_data"
EVENTS = dg.AssetKey(["standardized", "events"])
PEOPLE = dg.AssetKey(["identity", "record_persons"])
FOLLOWING = ("standardized", "identity", "profiles", "segments")
"""Stages that are made anew. Predictions are the daily run's, and reports follow once it is quiet."""

REPORTS = (["standardized", "quarantine"], ["identity", "quality"], ["identity", "review_queue"])


def fresh_data(on_demand: dg.AssetSelection) -> Any:
    """The job. One run, because the start of each costs as much as its work does on a small company."""
    # only a company with a plan has violations
    reports = dg.AssetSelection.assets(*REPORTS) | dg.AssetSelection.key_substring("standardized/violations")
    by_day = dg.AssetSelection.assets(*(["standardized", output] for output in BY_DAY))
    return dg.define_asset_job(
        FRESH,
        tags=BEFORE_OTHERS,
        selection=dg.AssetSelection.groups(*FOLLOWING) - by_day - reports - on_demand,
        description="What new events and records change: customers, people, profiles, and the newest day's segments",
    )


def newest_events(model: Model) -> dg.SensorDefinition:
    """Not declarative automation: that waits until nothing upstream is being made, and events may never stop."""

    @dg.sensor(
        name=FRESH,
        job_name=FRESH,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Events were standardized: makes people, profiles and the newest day's segments of them",
    )
    def watch(context: dg.SensorEvaluationContext, lake: Lake) -> dg.SensorResult | dg.SkipReason:
        newest = context.instance.fetch_materializations(EVENTS, limit=1).records
        if not newest or str(newest[0].storage_id) == context.cursor:
            return dg.SkipReason("there are no new events")
        cursor = str(newest[0].storage_id)
        made_by = context.instance.get_run_by_id(newest[0].run_id)
        if made_by and made_by.job_name in (DAILY, DAILY_WITHOUT_SYNCS):
            return dg.SensorResult(skip_reason="the daily run makes the rest itself", cursor=cursor)
        # what comes meanwhile is for the run after it
        if under_way(context.instance, PEOPLE, (FRESH, DAILY, DAILY_WITHOUT_SYNCS, "decisions")):
            return dg.SkipReason("people are being made of earlier events")
        if len(days_of_runs(unfinished_runs(context.instance, LANDING))) > 1:
            return dg.SkipReason("several days are being loaded: waits for them")
        try:
            with lake.reading() as con:
                day = latest_day(con, model)
        except LakeMissing as missing:
            return dg.SkipReason(str(missing))
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"events-{cursor}", partition_key=str(day))], cursor=cursor
        )

    return watch
