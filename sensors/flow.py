"""The jobs, and the daily schedule: the whole road for one day, or for a range of days."""

import dagster as dg

from cdp_assets.segments import ON_DEMAND
from cdp_model import Model
from sensors.alerts import failed_runs
from sensors.landing import landing_files
from sensors.maintenance import maintenance, weekly_maintenance
from sensors.overrides import corrections_file, decisions, overrides_file, rectification
from sensors.segments import profiles_of_a_day, segment_changes


def automation(model: Model) -> dg.Definitions:
    """Every job, schedule and sensor of the declared company."""
    whole_road = dg.define_asset_job(
        "daily",
        selection=dg.AssetSelection.all() - ON_DEMAND,
        description="The whole road for a day: extracts, standardized records, identity, profiles, segments, syncs",
    )
    segments = dg.define_asset_job(
        "segments",
        selection=dg.AssetSelection.groups("segments") - ON_DEMAND,
        description="Who is in which segment on a day, and who came and went",
    )
    syncs = dg.define_asset_job(
        "syncs",
        selection=dg.AssetSelection.groups("activation"),
        description="Tell destinations what has changed",
    )
    schedule = dg.build_schedule_from_partitioned_job(
        whole_road,
        name="daily_at_five",
        hour_of_day=5,
        description="Each morning at five in the company's time zone: the whole road for yesterday",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    upstream_changes = dg.AutomationConditionSensorDefinition(
        "upstream_changes",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Declarative automation: materializes what is downstream of new data, once upstream is quiet",
    )
    return dg.Definitions(
        jobs=[whole_road, segments, syncs, decisions, rectification, maintenance],
        schedules=[schedule, weekly_maintenance],
        sensors=[
            upstream_changes,
            landing_files(model),
            overrides_file(),
            corrections_file(),
            profiles_of_a_day(),
            segment_changes(model),
            failed_runs(),
        ],
    )
