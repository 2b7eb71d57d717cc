"""`identity.linkage_models`: trained Splink models, each kept under its version; one of them is in use."""

import datetime as dt
import json
import math
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import dagster as dg
import duckdb

from cdp_assets.identity.comparisons import FREQUENCY_COLUMNS
from cdp_assets.identity.scoring import load_records
from cdp_assets.identity.training import Trained, model_version, settings_hash, train
from cdp_assets.metadata import has_table, table_metadata
from cdp_model.identity import IdentitySettings
from cdp_resources.company import Company
from cdp_resources.lake import Lake

COLUMNS = {
    "model_version": "Hash of the rounded parameters",
    "settings_hash": "Hash of the identity settings and Splink's version it was trained under",
    "splink_version": "Splink's version",
    "settings": "Splink's trained settings (JSON); null: evidence was too thin, rules alone link",
    "trained_at": "When",
    "training_rows": "How many records it was trained on",
    "promoted": "Whether links are scored with it; exactly one is",
    "diagnostics": "Prior, blocking rules with their pairs, what was untrained or repaired (JSON)",
}
TABLES = """
CREATE TABLE IF NOT EXISTS lake.identity.linkage_models (
    model_version VARCHAR, settings_hash VARCHAR, splink_version VARCHAR, settings VARCHAR,
    trained_at TIMESTAMPTZ, training_rows BIGINT, promoted BOOLEAN, diagnostics VARCHAR);
CREATE TABLE IF NOT EXISTS lake.identity.model_frequencies (
    model_version VARCHAR, column_name VARCHAR, value_hash VARCHAR, frequency DOUBLE);
"""
ESTABLISHED = """
SELECT 'established', md5(given), count(*) / sum(count(*)) OVER () AS frequency
FROM records WHERE given IS NOT NULL GROUP BY given
QUALIFY count(*) >= greatest(5, 0.0002 * sum(count(*)) OVER ())"""
"""First names of so many records that they are no misspellings."""
GROWTH = 1.5
"""A model of rules only is tried again when there are this many times more records."""
TRAINED_ON = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "postal_code", "city")
LINEAGE = {"settings": [("identity/evidence", column) for column in TRAINED_ON]}


class TrainingConfig(dg.Config):
    """Run configuration of `identity/linkage_models`."""

    retrain: bool = False


@dataclass(frozen=True)
class Model:
    """The promoted model, as scoring needs it."""

    version: str
    settings: dict[str, Any] | None


@dg.asset(
    key=["identity", "linkage_models"],
    deps=[["identity", "evidence"]],
    pool="lake",
    kinds={"splink", "duckdb"},
)
def linkage_models(config: TrainingConfig, lake: Lake, company: Company) -> dg.MaterializeResult:
    """One row per trained version of the linkage model.

    From `identity.evidence`. Trained once for the settings of `identity.yaml`, then kept, so that scores stay
    comparable from day to day; `retrain: true` in the run configuration trains anew. Where the evidence is too thin
    to train on, the version has no parameters and links come from rules alone.
    """
    trained, reason = train_if_needed(lake, company.model.identity, config.retrain)
    with lake.reading() as con:
        metadata = table_metadata(con, "identity.linkage_models", COLUMNS, lineage=LINEAGE)
    return dg.MaterializeResult(metadata={**metadata, **_describe(trained, reason)})


def train_if_needed(lake: Lake, settings: IdentitySettings, retrain: bool = False) -> tuple[Trained | None, str]:
    """Train and promote a model where there is a reason to; returns it (or None) and the reason."""
    with lake.get_connection(read_only=True) as con:
        reason = why_train(con, settings, retrain)
        if not reason:
            return None, reason
        con.execute("CREATE OR REPLACE TEMP TABLE scope (record_key VARCHAR)")
        load_records(con, None)
        trained = train(con, settings)
        frequencies = con.execute(_frequencies_sql()).to_arrow_table()
    with lake.transaction("identity.linkage_models") as con:
        con.execute(TABLES)
        con.register("trained_frequencies", frequencies)
        promote(con, trained, settings)
    return trained, reason


def why_train(con: duckdb.DuckDBPyConnection, settings: IdentitySettings, retrain: bool) -> str:
    """Why a new version must be trained; empty when the promoted one still fits."""
    if not has_table(con, "identity.linkage_models"):
        return "there is none yet"
    row = con.execute(
        "SELECT settings_hash, settings IS NULL, training_rows FROM lake.identity.linkage_models WHERE promoted"
    ).fetchone()
    if row is None:
        return "there is none yet"
    if retrain:
        return "asked for"
    if row[0] != settings_hash(settings):
        return "the settings or Splink changed"
    count = con.execute("SELECT count(*) FROM lake.identity.evidence WHERE scorable").fetchone()
    if row[1] and count and count[0] > GROWTH * row[2]:
        return "there was too little evidence before, and there is more now"
    return ""


def promote(con: duckdb.DuckDBPyConnection, trained: Trained, settings: IdentitySettings) -> str:
    """Write a trained model with its frequencies (view ``trained_frequencies``) and make it the one in use."""
    version_hash = model_version(trained, settings)
    for table in ("linkage_models", "model_frequencies"):
        con.execute(f"DELETE FROM lake.identity.{table} WHERE model_version = ?", [version_hash])
    con.execute("UPDATE lake.identity.linkage_models SET promoted = false WHERE promoted")
    con.execute(
        "INSERT INTO lake.identity.linkage_models VALUES (?, ?, ?, ?, ?, ?, true, ?)",
        [
            version_hash,
            settings_hash(settings),
            version("splink"),
            json.dumps(trained.settings, sort_keys=True) if trained.settings else None,
            dt.datetime.now(dt.UTC),
            trained.records,
            json.dumps(trained.diagnostics, sort_keys=True),
        ],
    )
    con.execute("INSERT INTO lake.identity.model_frequencies SELECT ?, * FROM trained_frequencies", [version_hash])
    return version_hash


def promoted_model(con: duckdb.DuckDBPyConnection) -> Model:
    """The model in use. Raises ``dg.Failure`` when `identity/linkage_models` was never materialized."""
    row = None
    if has_table(con, "identity.linkage_models"):
        row = con.execute("SELECT model_version, settings FROM lake.identity.linkage_models WHERE promoted").fetchone()
    if row is None:
        raise dg.Failure("there is no linkage model: materialize identity/linkage_models first")
    return Model(row[0], json.loads(row[1]) if row[1] else None)


def _frequencies_sql() -> str:
    """Frequencies of values seen at least twice, by hash: no personal data is kept. Null stands for any other value."""
    parts = [
        f"""SELECT '{column}' AS column_name, md5({column}) AS value_hash,
            count(*) / sum(count(*)) OVER () AS frequency
        FROM records WHERE scorable AND {column} IS NOT NULL GROUP BY {column} QUALIFY count(*) > 1
        UNION ALL SELECT '{column}', NULL, 1.0 / greatest(count({column}), 1) FROM records WHERE scorable"""
        for column in FREQUENCY_COLUMNS
    ]
    parts.append(ESTABLISHED)
    return " UNION ALL ".join(f"({part})" for part in parts)


def _describe(trained: Trained | None, reason: str) -> dict[str, Any]:
    if trained is None:
        return {"trained": "kept the promoted model"}
    described: dict[str, Any] = {
        "trained": reason,
        "training_rows": trained.records,
        "diagnostics": dg.MetadataValue.json(trained.diagnostics),
    }
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
