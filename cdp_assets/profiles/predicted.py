"""Predictions as columns of people: what was predicted for a day, and never what was predicted after it.

For a day count the scores that were made for it or for one of the six days before, by the version that was the
newest then. A day without such scores has nulls: a version trained later knows what came after the day, so nobody is
scored again for the past. Pure query building, but for ``ensure_tables``.
"""

import datetime as dt
from collections.abc import Collection

import duckdb

from cdp_assets.metadata import has_table
from cdp_assets.profiles.people import derived_levels, people_query, people_with, with_derived
from cdp_model.columns import traits_of_predictions
from cdp_model.model import Model
from cdp_model.predictions import NextProductPrediction
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

MODELS = f"{CATALOG}.predictions.models"
SCORES = f"{CATALOG}.predictions.scores"
AFFINITIES = f"{CATALOG}.predictions.affinities"
RECOMMENDATIONS = f"{CATALOG}.predictions.recommendations"
FRESH_DAYS = 7
VERSION = "prediction VARCHAR, model_version VARCHAR, trained_from DATE, trained_through DATE"
COLUMNS = {
    MODELS: f"""{VERSION}, kind VARCHAR, settings_hash VARCHAR, settings JSON, parameters JSON, metrics JSON,
        published BOOLEAN, reason VARCHAR, owner VARCHAR, trained_at TIMESTAMPTZ""",
    SCORES: f"score_date DATE, person_id VARCHAR, column_name VARCHAR, value DOUBLE, {VERSION}",
    AFFINITIES: f"""{VERSION}, item VARCHAR, next_item VARCHAR, together BIGINT, buyers BIGINT, support DOUBLE,
        confidence DOUBLE, lift DOUBLE, p_value DOUBLE, q_value DOUBLE, significant BOOLEAN""",
    RECOMMENDATIONS: f"""score_date DATE, person_id VARCHAR, rank INTEGER, item VARCHAR, score DOUBLE,
        because VARCHAR, {VERSION}""",
}


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables that hold predictions where they are missing."""
    for table, columns in COLUMNS.items():
        if not has_table(con, table.removeprefix(f"{CATALOG}.")):
            con.execute(f"CREATE TABLE {table} ({columns})")


def assets_of(model: Model) -> list[list[str]]:
    """Keys of the assets that make the predictions of people."""
    lists = any(isinstance(declared, NextProductPrediction) for declared in model.predictions.values())
    scores = any(not isinstance(declared, NextProductPrediction) for declared in model.predictions.values())
    return [["predictions", "scores"]] * scores + [["predictions", "recommendations"]] * lists


def lineage(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The columns that each predicted column is made from."""
    found = {}
    for name, declared in model.predictions.items():
        for column in declared.columns(name):
            is_list = isinstance(declared, NextProductPrediction)
            found[column] = [("predictions/recommendations", "item") if is_list else ("predictions/scores", "value")]
    return found


def before_predictions(model: Model) -> Model:
    """The model without predictions and the traits that need them: what predictions are made from."""
    late = traits_of_predictions(model)
    traits = {name: trait for name, trait in model.traits.items() if name not in late}
    return model.model_copy(update={"traits": traits, "predictions": {}})


def people_and_predictions(
    model: Model,
    as_of: dt.date,
    behaviour: str | None = None,
    also: Collection[str] = (),
    only_these: str | None = None,
    known: Collection[str] | None = None,
) -> str:
    """SELECT of one row a person: attributes, ``as_of``, traits and predictions.

    ``behaviour`` names a relation that has what is made from events and consents, and further columns ``also``;
    ``only_these`` a relation of person_id that leaves out all others. ``known``: as for ``people_with``.
    """
    early = before_predictions(model)
    if behaviour is None:
        return with_predictions(model, as_of, people_query(early, as_of))
    people = people_with(early, as_of, behaviour, also, only_these, known)
    return with_predictions(model, as_of, people)


def with_predictions(model: Model, as_of: dt.date, people: str) -> str:
    """``people``, a SELECT with person_id and early traits, with the predictions of a day and the traits of those."""
    if not model.predictions:
        return people
    predicted = f"SELECT * FROM ({people}) LEFT JOIN ({scores_query(model, as_of)}) USING (person_id)"
    late = traits_of_predictions(model)
    for level in derived_levels(model):
        predicted = with_derived(model, [name for name in level if name in late], predicted)
    return predicted


def scores_query(model: Model, as_of: dt.date) -> str:
    """SELECT of one row a person who was scored: person_id and every predicted column."""
    day = f"DATE {literal(str(as_of))}"
    lists = {c for n, p in model.predictions.items() if isinstance(p, NextProductPrediction) for c in p.columns(n)}
    columns = []
    for prediction, declared in model.predictions.items():
        for column in declared.columns(prediction):
            if column in lists:
                of = f"prediction = {literal(prediction)}"
                columns.append(f"list(item ORDER BY rank) FILTER (item IS NOT NULL AND {of}) AS {quote(column)}")
            else:
                of = f"prediction = {literal(prediction)} AND column_name = {literal(column)}"
                columns.append(f"any_value(value) FILTER ({of}) AS {quote(column)}")
    sources = [f"SELECT {_SHARED}, column_name, value, NULL AS rank, NULL AS item FROM {SCORES}"]
    if lists:
        sources.append(f"SELECT {_SHARED}, NULL, NULL, rank, item FROM {RECOMMENDATIONS}")
    fresh = f"score_date BETWEEN {day} - {FRESH_DAYS - 1} AND {day}"
    return f"""
        WITH in_force AS ({in_force(as_of)}),
        fresh AS (SELECT * FROM ({" UNION ALL ".join(sources)}) SEMI JOIN in_force USING (prediction, model_version)
            WHERE {fresh}),
        latest AS (SELECT prediction, max(score_date) AS score_date FROM fresh GROUP BY prediction)
        SELECT person_id, {", ".join(columns)} FROM fresh SEMI JOIN latest USING (prediction, score_date)
        GROUP BY person_id"""


def in_force(as_of: dt.date) -> str:
    """SELECT of the newest version of each prediction that knew nothing of what came after a day."""
    return f"""
        SELECT * FROM {MODELS} WHERE trained_through <= DATE {literal(str(as_of))}
        QUALIFY row_number() OVER (PARTITION BY prediction ORDER BY trained_through DESC, trained_at DESC) = 1"""


_SHARED = "score_date, person_id, prediction, model_version"
