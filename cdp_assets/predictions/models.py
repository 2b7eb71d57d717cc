"""`predictions/models`: trained versions of every declared prediction, how good they are, and what drives them."""

from typing import Any

import dagster as dg

from cdp_assets import charts
from cdp_assets.metadata import table_metadata
from cdp_assets.predictions.pages import figures, groups, page
from cdp_assets.predictions.training import train_due
from cdp_assets.predictions.versions import VERSION_DESCRIPTIONS, Version, keep, newest, settings_hash
from cdp_assets.profiles.predicted import before_predictions, ensure_tables
from cdp_assets.profiles.traits import traits_day
from cdp_resources.company import Company
from cdp_resources.lake import Lake

KEY = ["predictions", "models"]
DESCRIPTIONS = {
    **VERSION_DESCRIPTIONS,
    "model_version": "Name of the version: the same data and settings have the same",
    "kind": "value, propensity, next_product or clusters",
    "settings_hash": "Of all that is declared and goes into it",
    "settings": "What was declared",
    "parameters": "What it scores with; empty where it is not published",
    "metrics": "How it did on later time than it was trained on",
    "trained_at": "When it was trained (UTC)",
    "published": "Whether it is used",
    "reason": "Why, or why not",
    "owner": "Who answers for it, if not the company's owner",
}
LINEAGE = {
    "parameters": [("profiles/traits", "person_id"), ("standardized/events", "occurred_at")],
    "metrics": [("profiles/traits", "person_id"), ("standardized/events", "occurred_at")],
}
PUBLISHED = dg.AssetCheckSpec(
    "predictions_are_published",
    asset=KEY,
    description="The newest version of each prediction is better than its plain rule. One that is not scores nobody",
)


class TrainingConfig(dg.Config):
    """Run configuration of `predictions/models`."""

    retrain: bool = False


@dg.asset(
    key=KEY,
    deps=[["profiles", "traits"], ["standardized", "events"], ["identity", "record_persons"]],
    check_specs=[PUBLISHED],
    kinds={"scikitlearn", "duckdb"},
    pool="lake",
)
def models(
    context: dg.AssetExecutionContext, config: TrainingConfig, lake: Lake, company: Company
) -> dg.MaterializeResult:
    """Models: one row for each trained version of a prediction, with its test on later time.

    From the traits and events of past days and what came after them. A version is trained when there is none for what
    is declared, when the newest is older than `retrain`, or when `retrain: true` asks for it. It is published, and
    scores people, only if it did better than a plain rule on days after those it was trained on.
    """
    model = company.model
    lake.write(ensure_tables, "predictions.models")
    with lake.reading() as con:
        as_of = traits_day(con, model)
        trained = train_due(con, model, as_of, newest(con, as_of), config.retrain)
    with lake.transaction("predictions.models") as con:
        for name, (reason, made) in trained.items():
            prediction = model.predictions[name]
            keep(con, name, prediction, settings_hash(before_predictions(model), prediction), made)
            context.log.info(f"{name}: trained because {reason}; {made.reason}")
        versions = {name: v for name, v in newest(con, as_of).items() if name in model.predictions}
        metadata = table_metadata(con, "predictions.models", DESCRIPTIONS, lineage=LINEAGE)
    withheld = {name: v.trained.reason for name, v in versions.items() if not v.trained.published}
    return dg.MaterializeResult(
        metadata=metadata | {"as_of": str(as_of), "trained": ", ".join(trained) or "nothing is due"} | _pages(versions),
        check_results=[
            dg.AssetCheckResult(
                check_name="predictions_are_published",
                passed=not withheld,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(f"{name}: {reason}" for name, reason in withheld.items()) or None,
            )
        ],
    )


def _pages(versions: dict[str, Version]) -> dict[str, Any]:
    rows = [
        (v.prediction, v.model_version, f"{v.trained.trained_from} to {v.trained.trained_through}", v.trained.reason)
        for v in versions.values()
    ]
    shown: dict[str, Any] = {"versions": charts.table(("prediction", "version", "training window", "why"), rows)}
    for name, version in versions.items():
        if found := groups(version):
            shown[f"{name}_groups"] = charts.table(("segment", "people", "share", "what sets them apart"), found)
        pictures = page(version)
        shown |= {f"{name}_page": charts.pictures(pictures)} if pictures else {}
        shown |= {f"{name}_{figure}": value for figure, value in figures(version).items()}
    return shown
