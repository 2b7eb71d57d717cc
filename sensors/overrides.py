"""A changed `overrides.csv` or `corrections.csv` starts what follows from it."""

import hashlib
from pathlib import Path

import dagster as dg

from cdp_assets.metadata import has_table
from cdp_model.corrections import FILE as CORRECTIONS
from cdp_model.overrides import FILE as OVERRIDES
from cdp_resources.company import Company
from cdp_resources.lake import Lake, LakeMissing

decisions = dg.define_asset_job(
    "decisions",
    selection=dg.AssetSelection.assets(["identity", "overrides"]).downstream()
    & dg.AssetSelection.groups("identity", "profiles"),
    description="What people decided about records, and the people and profiles that follow",
)
rectification = dg.define_asset_job(
    "rectification",
    selection=dg.AssetSelection.assets(["profiles", "corrections"]).downstream() & dg.AssetSelection.groups("profiles"),
    description="What people said is wrong in a source, and the profiles that follow",
)


def overrides_file() -> dg.SensorDefinition:
    """Decisions about records."""
    what = "takes the decisions, and makes people and profiles anew where they differ"
    return _changed_file("overrides_file", OVERRIDES, what, decisions.name, "identity.links")


def corrections_file() -> dg.SensorDefinition:
    """Corrections of what sources say."""
    what = "takes the corrections, and makes profiles anew"
    return _changed_file("corrections_file", CORRECTIONS, what, rectification.name, "profiles.golden_records")


def _changed_file(name: str, file: str, what: str, job: str, table: str) -> dg.SensorDefinition:
    """Looks at the content: a file that was only copied anew starts nothing. Before there is ``table``, none does."""

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"A changed {file}: {what}",
    )
    def watch(context: dg.SensorEvaluationContext, lake: Lake, company: Company) -> dg.SensorResult | dg.SkipReason:
        path = Path(company.path) / file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return dg.SkipReason(f"there is no {path}; what an earlier one said is withdrawn by the next run")
        except OSError as error:
            return dg.SkipReason(f"{path} cannot be read: {error.strerror}")
        version = hashlib.sha256(content).hexdigest()[:16]
        if version == context.cursor:
            return dg.SkipReason(f"{path} is as it was")
        try:
            with lake.reading() as con:
                begun = has_table(con, table)
        except LakeMissing as missing:
            return dg.SkipReason(str(missing))
        if not begun:
            return dg.SkipReason(f"there is no {table} yet: the first run takes the file with it")
        # no run key: a file that is as it once was is a change too
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=version)

    return watch
