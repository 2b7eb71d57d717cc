"""A changed `overrides.csv` starts what follows from it."""

import hashlib
from pathlib import Path

import dagster as dg

from cdp_assets.metadata import has_table
from cdp_model.overrides import FILE
from cdp_resources.company import Company
from cdp_resources.lake import Lake, LakeMissing

decisions = dg.define_asset_job(
    "decisions",
    selection=dg.AssetSelection.assets(["identity", "overrides"]).downstream()
    & dg.AssetSelection.groups("identity", "profiles"),
    description="What people decided about records, and the people and profiles that follow",
)


def overrides_file() -> dg.SensorDefinition:
    """Looks at the content: a file that was only copied anew starts nothing."""

    @dg.sensor(
        name="overrides_file",
        job_name=decisions.name,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"A changed {FILE}: takes the decisions, and makes people and profiles anew where they differ",
    )
    def watch(context: dg.SensorEvaluationContext, lake: Lake, company: Company) -> dg.SensorResult | dg.SkipReason:
        path = Path(company.path) / FILE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return dg.SkipReason(f"there is no {path}; decisions of an earlier one are withdrawn by the next run")
        except OSError as error:
            return dg.SkipReason(f"{path} cannot be read: {error.strerror}")
        version = hashlib.sha256(content).hexdigest()[:16]
        if version == context.cursor:
            return dg.SkipReason(f"{path} is as it was")
        try:
            with lake.reading() as con:
                resolved = has_table(con, "identity.links")
        except LakeMissing as missing:
            return dg.SkipReason(str(missing))
        if not resolved:
            return dg.SkipReason("no records were linked yet: the first run takes the decisions with it")
        # no run key: a file that is as it once was is a change too
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=version)

    return watch
