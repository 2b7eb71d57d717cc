"""`predictions/recommendations`: what each person may like next, day by day."""

import datetime as dt

import dagster as dg
import duckdb

from cdp_assets.checks import Fact
from cdp_assets.metadata import count_rows, table_metadata
from cdp_assets.predictions.next_product import load_acquired, recommended
from cdp_assets.predictions.retention import delete_expired
from cdp_assets.predictions.versions import VERSION_DESCRIPTIONS, newest
from cdp_assets.profiles.predicted import AFFINITIES, RECOMMENDATIONS, before_predictions, ensure_tables
from cdp_assets.profiles.traits import traits_day
from cdp_model.model import Model
from cdp_model.predictions import NextProductPrediction
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from cdp_resources.sql import literal

KEY = ["predictions", "recommendations"]
DESCRIPTIONS = {
    "score_date": "The day whose end it is for",
    "person_id": "For whom",
    "rank": "1 is the best",
    "item": "What to recommend: something the person does not have",
    "score": "Sum over what they have of how often the item follows it",
    "because": "What they have that speaks for it most; null where only its popularity does",
    **VERSION_DESCRIPTIONS,
}
LINEAGE = {
    "item": [("predictions/affinities", "next_item"), ("standardized/events", "product_id")],
    "because": [("predictions/affinities", "item")],
    "score": [("predictions/affinities", "confidence")],
    "person_id": [("identity/record_persons", "person_id")],
    "model_version": [("predictions/models", "model_version")],
}
ONE_ROW_A_RANK = Fact(
    "ranks_are_unique",
    "Nobody has two items of one rank, or one item twice",
    f"""SELECT count(*) FROM (
        SELECT 1 FROM {RECOMMENDATIONS} GROUP BY score_date, prediction, person_id
        HAVING count(*) <> count(DISTINCT rank) OR count(*) <> count(DISTINCT item))""",
    blocking=True,
)


@dg.asset(
    key=KEY,
    deps=[
        ["predictions", "models"],
        ["predictions", "affinities"],
        ["profiles", "traits"],
        ["standardized", "events"],
        ["identity", "record_persons"],
    ],
    check_specs=[ONE_ROW_A_RANK.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def recommendations(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Recommendations: one row for each person, prediction, rank and day; of people who have bought something.

    By the newest version of `predictions/models`, if it is published: if its recommendations met more of what people
    later bought than the most popular products did. Past days keep what was recommended on them, for as long as
    `keep` says.
    """
    model = company.model
    with lake.transaction("predictions.recommendations") as con:
        as_of = traits_day(con, model)
        recommend(con, model, as_of)
        expired = delete_expired(con, RECOMMENDATIONS, model, as_of)
        metadata = table_metadata(con, "predictions.recommendations", DESCRIPTIONS, lineage=LINEAGE)
        today = count_rows(con, "predictions.recommendations", f"score_date = DATE '{as_of}'")
        checked = ONE_ROW_A_RANK.result(con, KEY)
    metadata |= {"as_of": str(as_of), "recommended_today": today, "expired_rows": expired}
    return dg.MaterializeResult(metadata=metadata, check_results=[checked])


def recommend(con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date) -> None:
    """Make the recommendations of a day anew."""
    ensure_tables(con)
    early, versions = before_predictions(model), newest(con, as_of)
    con.execute(f"DELETE FROM {RECOMMENDATIONS} WHERE score_date = DATE '{as_of}'")
    for name, prediction in model.predictions.items():
        version = versions.get(name)
        if not isinstance(prediction, NextProductPrediction) or version is None or not version.trained.published:
            continue
        load_acquired(con, early, prediction, as_of)
        pairs = f"(SELECT * FROM {AFFINITIES} WHERE model_version = {literal(version.model_version)})"
        best = recommended(pairs, "acquired", prediction.count)
        con.execute(f"""
            INSERT INTO {RECOMMENDATIONS}
            SELECT DATE '{as_of}', person_id, rank, item, score, because, {literal(name)},
                {literal(version.model_version)}, DATE '{version.trained.trained_from}',
                DATE '{version.trained.trained_through}'
            FROM ({best})""")
