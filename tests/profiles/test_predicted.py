"""A day sees the predictions that were made for it or shortly before, and never those that were made after it."""

import datetime as dt
from typing import Any

import duckdb
import pytest

from cdp_assets.profiles.predicted import before_predictions, ensure_tables, people_and_predictions
from cdp_assets.segments.memberships import evaluate_days
from cdp_assets.segments.placed import Names, placed_query
from cdp_model.model import Model
from cdp_model.predictions import NextProductPrediction, PropensityPrediction
from cdp_model.traits import Segment, Trait
from tests.profiles.conftest import add_person, model

TRAITS = {
    "risk": Trait(description="Risk", sql="churn_probability * 100", default=-1),
    "great_risk": Trait(description="Great risk", sql="risk > 50"),
    "orders": Trait(description="Orders", aggregate="count"),
}
PREDICTIONS = {
    "churn": PropensityPrediction(kind="propensity", description="Churn", events=["Order"], happens=False),
    "next": NextProductPrediction(kind="next_product", description="Next", events=["Order"]),
}
SEGMENTS = {"leaving": Segment(description="Leaving", all=["great_risk"])}


def day(number: int) -> dt.date:
    return dt.date(2026, 3, number)


@pytest.fixture
def company() -> Model:
    return model(TRAITS, SEGMENTS).model_copy(update={"predictions": PREDICTIONS})


@pytest.fixture
def con(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    ensure_tables(con)
    for person in ("p1", "p2"):
        add_person(con, person)
    return con


def trained(con: duckdb.DuckDBPyConnection, prediction: str, version: str, through: dt.date) -> None:
    con.execute(
        """INSERT INTO lake.predictions.models BY NAME
        SELECT ? AS prediction, ? AS model_version, ?::DATE AS trained_through, now() AS trained_at""",
        [prediction, version, through],
    )


def scored(con: duckdb.DuckDBPyConnection, when: dt.date, person: str, value: float, version: str = "v1") -> None:
    con.execute(
        """INSERT INTO lake.predictions.scores BY NAME SELECT ?::DATE AS score_date, ? AS person_id,
            'churn_probability' AS column_name, ? AS value, 'churn' AS prediction, ? AS model_version""",
        [when, person, value, version],
    )


def seen(con: duckdb.DuckDBPyConnection, company: Model, when: dt.date, column: str = "churn_probability") -> Any:
    query = f"SELECT {column} FROM ({people_and_predictions(company, when)}) WHERE person_id = 'p1'"
    row = con.execute(query).fetchone()
    return row[0] if row else None


def test_a_day_sees_its_own_scores_and_none_from_after_it(con: duckdb.DuckDBPyConnection, company: Model) -> None:
    trained(con, "churn", "v1", day(1))
    scored(con, day(5), "p1", 0.25)
    scored(con, day(6), "p1", 0.75)
    assert [seen(con, company, day(n)) for n in (4, 5, 6)] == [None, 0.25, 0.75]


def test_days_without_a_run_keep_the_last_scores_for_a_week(con: duckdb.DuckDBPyConnection, company: Model) -> None:
    trained(con, "churn", "v1", day(1))
    scored(con, day(5), "p1", 0.25)
    assert [seen(con, company, day(n)) for n in (11, 12)] == [0.25, None]


def test_a_newer_version_that_was_not_published_ends_the_scores_of_the_one_before(
    con: duckdb.DuckDBPyConnection, company: Model
) -> None:
    trained(con, "churn", "v1", day(1))
    scored(con, day(5), "p1", 0.25)
    trained(con, "churn", "v2", day(6))
    assert [seen(con, company, day(n)) for n in (5, 6)] == [0.25, None]


def test_traits_of_predictions_follow_them_and_have_their_defaults(
    con: duckdb.DuckDBPyConnection, company: Model
) -> None:
    trained(con, "churn", "v1", day(1))
    scored(con, day(5), "p1", 0.75)
    assert [seen(con, company, day(n), "(risk, great_risk)") for n in (4, 5)] == [(-1, False), (75, True)]
    assert list(before_predictions(company).traits) == ["orders"]


def test_recommendations_are_a_list_with_the_best_first(con: duckdb.DuckDBPyConnection, company: Model) -> None:
    trained(con, "next", "n1", day(1))
    for rank, item in ((2, "tea"), (1, "milk")):
        con.execute(
            """INSERT INTO lake.predictions.recommendations BY NAME SELECT ?::DATE AS score_date, 'p1' AS person_id,
                ? AS rank, ? AS item, 'next' AS prediction, 'n1' AS model_version""",
            [day(5), rank, item],
        )
    assert seen(con, company, day(5), "next_items") == ["milk", "tea"]
    assert seen(con, company, day(4), "next_items") is None


def test_a_backfilled_segment_has_the_members_that_it_would_have_had(
    con: duckdb.DuckDBPyConnection, company: Model
) -> None:
    trained(con, "churn", "v1", day(1))
    scored(con, day(5), "p1", 0.75)
    scored(con, day(6), "p2", 0.75)
    evaluate_days(con, company, [day(4), day(5), day(6)])
    members = con.execute("SELECT as_of, person_id FROM lake.segments.memberships ORDER BY ALL").fetchall()
    assert members == [(day(5), "p1"), (day(6), "p2")]


def test_without_predictions_nothing_is_read_of_them() -> None:
    anonymous = {"anonymous": Segment(description="Anonymous", all=["email is null"])}
    assert "predictions" not in placed_query(model({}, anonymous), day(1), Names(anonymous, []))
