"""`identity.linkage_models`: trained versions of the linkage; one of them is in use."""

import math
from typing import Any

import dagster as dg

from cdp_assets.identity.in_use import differing, promoted_model, settings_in_use
from cdp_assets.identity.model_versions import (
    COLUMNS,
    adopt_settings,
    kept_version,
    put_in_use,
    versions,
    write_version,
)
from cdp_assets.identity.retraining import count_scorable, make_version, rules_only, version_due
from cdp_assets.identity.soundness import doubts_of
from cdp_assets.identity.training import Trained
from cdp_assets.metadata import table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

TRAINED_ON = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "postal_code", "city")
LINEAGE = {"settings": [("identity/evidence", column) for column in TRAINED_ON]}


class TrainingConfig(dg.Config):
    """Run configuration of `identity/linkage_models`."""

    retrain: bool = False


@dg.asset(
    key=["identity", "linkage_models"],
    deps=[["identity", "evidence"]],
    pool="lake",
    kinds={"splink", "duckdb"},
)
def linkage_models(
    context: dg.AssetExecutionContext, config: TrainingConfig, lake: Lake, company: Company
) -> dg.MaterializeResult:
    """One row per version of the linkage: trained parameters, settings, and the data they are from.

    From `identity.evidence`. The first sound model is put in use. Whatever is trained after it, because
    `identity.yaml` or Splink changed or because `retrain: true` asks for it, is a candidate, until
    `cdp identity promote` puts it in use. Where the evidence is too thin to train on, or what was trained is not
    sound, links come from rules alone, or from the model that is in use.
    """
    declared = company.model.identity
    trained, reason = train_if_needed(lake, declared, config.retrain)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.linkage_models", COLUMNS, lineage=LINEAGE)
        used = promoted_model(con)
    described = _describe(trained, reason)
    for key in ("unsound", "rules_only"):
        if key in described and used.settings is None:
            context.log.warning(f"links come from rules alone: {described[key]}")
    return dg.MaterializeResult(metadata={**metadata, "in_use": used.version, **described})


def train_if_needed(lake: Lake, declared: IdentitySettings, retrain: bool = False) -> tuple[Trained | None, str]:
    """Make a version where there is a reason to; returns what was trained (or None) and the reason."""
    with lake.get_connection(read_only=True) as con:
        known = versions(con)
        due = version_due(known, declared, count_scorable(con), retrain)
        if due:
            made = make_version(lake, con, due)
    if due is None and any(version.promoted and version.identity is None for version in known):
        lake.write(lambda con: adopt_settings(con, declared), "identity.linkage_models")
    if due is None:
        return None, ""
    with lake.transaction("identity.linkage_models") as con:
        name = write_version(con, made)
        adopt_settings(con, declared)
        if due.promotes:
            put_in_use(con, name if made.sound else write_version(con, rules_only(made)))
    return made.trained, due.reason


def _describe(trained: Trained | None, reason: str) -> dict[str, Any]:
    if trained is None:
        return {"trained": "nothing: there is a version for the declared settings"}
    doubts = doubts_of(trained.diagnostics)
    described: dict[str, Any] = {
        "trained": reason,
        "training_rows": trained.records,
        "diagnostics": dg.MetadataValue.json(trained.diagnostics),
    }
    if any(doubt.grave for doubt in doubts):
        described["unsound"] = "; ".join(str(doubt) for doubt in doubts if doubt.grave)
    if "too_thin" in trained.diagnostics:
        described["rules_only"] = trained.diagnostics["too_thin"]
    if trained.settings:
        described["weights"] = dg.MetadataValue.md(weights_table(trained.settings))
    for name, chart in trained.charts.items():
        described[f"{name}_chart"] = dg.MetadataValue.json(chart)
    return described


def weights_table(model: dict[str, Any]) -> str:
    """The model as a Markdown table: one row per level, with its match weight, log2(m / u)."""
    lines = ["| comparison | level | m | u | weight |", "|---|---|--:|--:|--:|"]
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                m, u = level["m_probability"], level["u_probability"]
                lines.append(
                    f"| {comparison['output_column_name']} | {level['label_for_charts']} | {m:.4f} | {u:.6f} "
                    f"| {math.log2(m / u):+.1f} |"
                )
    return "\n".join(lines)


@dg.asset_check(asset=["identity", "linkage_models"])
def model_is_sound(lake: Lake, company: Company) -> dg.AssetCheckResult:
    """The model trained for the declared settings may be used: no parameter is untrained, at a bound or against reason.

    One that may not is never put in use: what was in use before goes on, or rules alone.
    """
    declared = company.model.identity
    with lake.reading() as con:
        trained = (v for v in versions(con) if v.describes(declared) and not v.rules_only)
        latest = next(trained, None)
        doubts = doubts_of(kept_version(con, latest.model_version, declared).trained.diagnostics) if latest else []
        used = promoted_model(con)
    grave = [str(doubt) for doubt in doubts if doubt.grave]
    serving = f"model {used.version}" if used.settings else "rules alone"
    return dg.AssetCheckResult(
        passed=not grave,
        severity=dg.AssetCheckSeverity.WARN if used.settings else dg.AssetCheckSeverity.ERROR,
        description="; ".join(grave) + f". Until it is mended, links come from {serving}" if grave else None,
        metadata={
            "trained": latest.model_version if latest else "no model",
            "in_use": serving,
            "doubts": dg.MetadataValue.json([str(doubt) for doubt in doubts]),
        },
    )


@dg.asset_check(asset=["identity", "linkage_models"])
def declared_settings_are_promoted(lake: Lake, company: Company) -> dg.AssetCheckResult:
    """Links and persons follow what identity.yaml declares, with a model of this release and this Splink."""
    declared = company.model.identity
    with lake.reading() as con:
        used = next((version for version in versions(con) if version.promoted), None)
        changed = differing(declared, settings_in_use(con, declared))
    passed = used is not None and used.describes(declared)
    what = f"identity.yaml differs from what is in use ({', '.join(changed)})" if changed else "a new model is due"
    how = "see what it would change with `cdp identity plan`, and promote it with `cdp identity promote <hash>`"
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if passed else f"{what}: {how}",
        metadata={"in_use": used.model_version if used else "", "settings_that_differ": ", ".join(changed)},
    )
