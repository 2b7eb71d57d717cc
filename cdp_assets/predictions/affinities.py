"""`predictions/affinities`: which products people come to after which, tested against chance."""

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets import charts
from cdp_assets.checks import Fact
from cdp_assets.metadata import table_metadata
from cdp_assets.predictions.next_product import load_acquired, load_pairs, p_values, q_values
from cdp_assets.predictions.versions import VERSION_DESCRIPTIONS, Version, newest
from cdp_assets.profiles.predicted import AFFINITIES, before_predictions, ensure_tables
from cdp_assets.profiles.traits import traits_day
from cdp_model.model import Model
from cdp_model.predictions import NextProductPrediction
from cdp_resources.company import Company
from cdp_resources.lake import Lake

KEY = ["predictions", "affinities"]
FALSE_FINDS = 0.05
DESCRIPTIONS = {
    **VERSION_DESCRIPTIONS,
    "item": "Who bought this …",
    "next_item": "… bought this, for the first time, within the declared days",
    "together": "How many people did",
    "buyers": "How many bought the first, long enough ago to tell",
    "support": "`together` as a share of all who bought anything",
    "confidence": "`together` as a share of the buyers of the first",
    "lift": "`together` against what would be expected if all came to everything alike",
    "p_value": "That chance alone brings so many together; null for fewer than five people",
    "q_value": "The share of chance finds among all pairs as good as this (Benjamini and Hochberg)",
    "significant": "Whether that share is at most 5 %, and the lift above 1",
}
LINEAGE = {
    "item": [("standardized/events", "product_id")],
    "next_item": [("standardized/events", "product_id")],
    "together": [("standardized/events", "occurred_at"), ("identity/record_persons", "person_id")],
}
ONE_ROW_A_PAIR = Fact(
    "pairs_are_unique",
    "No pair is there twice in a version",
    f"SELECT count(*) FROM (SELECT 1 FROM {AFFINITIES} GROUP BY model_version, item, next_item HAVING count(*) > 1)",
    blocking=True,
)


@dg.asset(
    key=KEY,
    deps=[["predictions", "models"], ["standardized", "events"], ["identity", "record_persons"]],
    check_specs=[ONE_ROW_A_PAIR.spec(KEY)],
    kinds={"duckdb"},
    pool="lake",
)
def affinities(lake: Lake, company: Company) -> dg.MaterializeResult:
    """Affinities: one row for each pair of products that somebody came to within the declared days of one another.

    From the first purchases up to the last day of the version of `predictions/models` that is in force. Pairs say
    what was bought, whether or not recommendations from them are published.
    """
    model = company.model
    with lake.transaction("predictions.affinities") as con:
        ensure_tables(con)
        versions = newest(con, traits_day(con, model))
        for name, prediction in model.predictions.items():
            if isinstance(prediction, NextProductPrediction):
                make_affinities(con, before_predictions(model), prediction, versions[name])
        metadata = table_metadata(con, "predictions.affinities", DESCRIPTIONS, lineage=LINEAGE)
        strongest = con.execute(f"""
            SELECT item, next_item, together, round(confidence, 3), round(lift, 2), q_value FROM {AFFINITIES}
            WHERE significant ORDER BY lift DESC, together DESC, item, next_item LIMIT 20""").fetchall()
        row = con.execute(f"SELECT count(*) FILTER (significant) FROM {AFFINITIES}").fetchone()
        checked = ONE_ROW_A_PAIR.result(con, KEY)
    header = ("who bought", "came to", "people", "confidence", "lift", "share of chance finds")
    shown = {"significant_pairs": row[0] if row else 0, "strongest": charts.table(header, strongest)}
    return dg.MaterializeResult(metadata=metadata | shown, check_results=[checked])


def make_affinities(
    con: duckdb.DuckDBPyConnection, model: Model, prediction: NextProductPrediction, version: Version
) -> None:
    """Write the pairs of a version, instead of those of versions before it; nothing while they are there."""
    here = [version.prediction, version.model_version]
    kept = f"SELECT 1 FROM {AFFINITIES} WHERE prediction = ? AND model_version = ? LIMIT 1"
    if con.execute(kept, here).fetchone():
        return
    con.execute(f"DELETE FROM {AFFINITIES} WHERE prediction = ?", [version.prediction])
    if not version.trained.metrics:
        return  # there was too little to train on
    load_acquired(con, model, prediction, version.trained.trained_through)
    load_pairs(con, version.trained.trained_through, prediction.within_days)
    found = con.execute("FROM pairs ORDER BY item, next_item").fetchnumpy()
    together, chances, expected = (np.asarray(found[c], dtype=float) for c in ("together", "chances", "expected"))
    row = con.execute("SELECT count(DISTINCT item) FROM bought").fetchone()
    items = row[0] if row else 0
    p = p_values(together, chances, expected)
    con.register("measured_pairs", pa.table({**found, "p": p, "q": q_values(p, items * (items - 1))}))
    con.execute(
        f"""INSERT INTO {AFFINITIES} BY NAME
        SELECT ? AS prediction, ? AS model_version, ?::DATE AS trained_from, ?::DATE AS trained_through,
            item, next_item, together, buyers, together / (SELECT count(DISTINCT person_id) FROM acquired) AS support,
            together / buyers AS confidence, together / expected AS lift,
            CASE WHEN NOT isnan(p) THEN p END AS p_value, CASE WHEN NOT isnan(p) THEN q END AS q_value,
            coalesce(q_value <= {FALSE_FINDS} AND lift > 1, false) AS significant
        FROM measured_pairs""",
        [*here, version.trained.trained_from, version.trained.trained_through],
    )
    con.unregister("measured_pairs")
