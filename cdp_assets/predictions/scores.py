"""`predictions/scores`: what the published models say of each person, day by day."""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets import charts
from cdp_assets.checks import Fact
from cdp_assets.metadata import table_metadata
from cdp_assets.predictions.clusters import score_clusters
from cdp_assets.predictions.propensity import score_propensity
from cdp_assets.predictions.purchases import score_value
from cdp_assets.predictions.retention import delete_expired
from cdp_assets.predictions.versions import VERSION_DESCRIPTIONS, newest
from cdp_assets.profiles.predicted import SCORES, before_predictions, ensure_tables
from cdp_assets.profiles.traits import traits_day
from cdp_model.model import Model
from cdp_model.predictions import ClustersPrediction, NextProductPrediction, PropensityPrediction, ValuePrediction
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

KEY = ["predictions", "scores"]
DESCRIPTIONS = {
    "score_date": "The day whose end it is for",
    "person_id": "Whom it is about",
    "column_name": "The name by which segments, syncs and traits use it",
    "value": "A probability, a number of purchases, money in the reporting currency, or the number of a cluster",
    **VERSION_DESCRIPTIONS,
}
LINEAGE = {
    "value": [("predictions/models", "parameters"), ("standardized/events", "occurred_at")],
    "model_version": [("predictions/models", "model_version")],
    "person_id": [("identity/record_persons", "person_id")],
}
FACTS = (
    Fact(
        "scores_are_unique",
        "No person has two values of a column on a day",
        f"""SELECT count(*) FROM (SELECT 1 FROM {SCORES} GROUP BY score_date, person_id, column_name
            HAVING count(*) > 1)""",
        blocking=True,
    ),
    Fact(
        "scores_are_possible",
        "Every value is a finite number, not below 0, and no probability is above 1",
        f"""SELECT count(*) FROM {SCORES} WHERE NOT isfinite(value) OR value < 0
            OR (value > 1 AND regexp_matches(column_name, '_(probability|alive)$'))""",
    ),
)


@dg.asset(
    key=KEY,
    deps=[
        ["predictions", "models"],
        ["profiles", "traits"],
        ["profiles", "golden_records"],
        ["standardized", "events"],
        ["identity", "record_persons"],
    ],
    check_specs=[fact.spec(KEY) for fact in FACTS],
    kinds={"duckdb"},
    pool="lake",
)
def scores(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Scores: one row for each person, predicted column and day.

    By the version of `predictions/models` that is the newest for the day of `profiles/traits`, if it is published.
    Past days keep the scores that were made for them, for as long as `keep` says: segments of a past day see what was
    known then.
    """
    model = company.model
    with lake.transaction("predictions.scores") as con:
        as_of = traits_day(con, model)
        score(con, model, as_of)
        expired = delete_expired(con, SCORES, model, as_of)
        metadata = table_metadata(con, "predictions.scores", DESCRIPTIONS, lineage=LINEAGE)
        summary = _summary(con, as_of)
        results = [fact.result(con, KEY) for fact in FACTS]
    means = {f"mean_{row[0]}": row[2] for row in summary}
    table = charts.table(("column", "people", "mean", "10 % below", "half below", "90 % below"), summary)
    metadata |= {"as_of": str(as_of), "scored": table, "expired_rows": expired}
    return dg.MaterializeResult(metadata=metadata | means, check_results=results)


def score(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Make the scores of a day anew."""
    ensure_tables(con)
    early, versions = before_predictions(model), newest(con, as_of)
    con.execute(f"DELETE FROM {SCORES} WHERE score_date = DATE '{as_of}'")
    for name, prediction in model.predictions.items():
        version = versions.get(name)
        if version is None or not version.trained.published or isinstance(prediction, NextProductPrediction):
            continue
        values = _values(con, early, name, prediction, version.trained.parameters, as_of)
        con.execute(
            f"""INSERT INTO {SCORES}
            SELECT DATE '{as_of}', person_id, column_name, value, {literal(name)}, {literal(version.model_version)},
                DATE '{version.trained.trained_from}', DATE '{version.trained.trained_through}' FROM ({values})"""
        )


def _values(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    name: str,
    prediction: ValuePrediction | PropensityPrediction | ClustersPrediction,
    parameters: dict[str, object],
    as_of: dt.date,
) -> str:
    if isinstance(prediction, ValuePrediction):
        return score_value(con, model, name, prediction, parameters, as_of)
    if isinstance(prediction, ClustersPrediction):
        return score_clusters(model, name, prediction, parameters)
    return score_propensity(model, name, prediction, parameters, as_of)


def _summary(con: duckdb.DuckDBPyConnection, as_of: dt.date) -> list[tuple[str, int, float, float, float, float]]:
    return con.execute(f"""
        SELECT column_name, count(*), round(avg(value), 4), round(quantile_cont(value, 0.1), 4),
            round(median(value), 4), round(quantile_cont(value, 0.9), 4)
        FROM {SCORES} WHERE score_date = DATE '{as_of}' GROUP BY column_name ORDER BY column_name""").fetchall()
