"""Propensities learn from the past alone, are tested on what came after, and are withheld unless they are better."""

import datetime as dt

import duckdb
import numpy as np
import pytest
from conftest import KEENNESS, TRAITS, day, model, populate

from cdp_assets.predictions.features import Bins, honest_features
from cdp_assets.predictions.propensity import _load_rows, label_days, score_propensity, train_propensity
from cdp_assets.predictions.scorecard import Scorecard
from cdp_assets.predictions.versions import TooLittle
from cdp_assets.profiles.people import events_query
from cdp_assets.profiles.traits import query as traits_query
from cdp_model.predictions import PropensityPrediction

ORDERS = PropensityPrediction(kind="propensity", description="Orders", events=["Order"], within="20 days")
CHURN = ORDERS.model_copy(update={"happens": False})
COMPANY = model({})


def test_days_to_learn_from_end_before_the_days_to_test_on_begin() -> None:
    training, test = label_days(day(0), day(119), 20)
    assert test == day(99)
    assert all(past + dt.timedelta(days=20) <= test for past in training)
    assert training == sorted(training, reverse=True)
    assert min(training) >= day(9)


def test_a_history_shorter_than_the_windows_is_said_to_be() -> None:
    with pytest.raises(TooLittle, match="events of 31 days; 75 are needed for a window of 30"):
        label_days(day(0), day(30), 30)


def test_a_propensity_that_can_be_learned_is_published_with_what_drives_it(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 600, 120)
    trained = train_propensity(con, COMPANY, ORDERS, day(119))
    assert trained.published, trained.reason
    assert trained.metrics["drivers"][0][0] in ("opens_30d", "orders")
    assert trained.metrics["deciles"][0]["lift"] > 1.3
    assert abs(trained.metrics["rate"] - np.mean([t["predicted"] for t in trained.metrics["deciles"]])) < 0.08
    assert trained.metrics["tested_from"] == str(day(100))
    assert trained == train_propensity(con, COMPANY, ORDERS, day(119)), "not the same for the same data"


def test_churn_is_of_those_who_did_it_before_and_its_probability_is_of_not_doing_it(
    con: duckdb.DuckDBPyConnection,
) -> None:
    populate(con, 600, 120)
    trained = train_propensity(con, COMPANY, CHURN, day(119))
    con.execute(f"CREATE TABLE lake.profiles.traits AS {traits_query(COMPANY, day(119))}")
    found = con.execute(f"""
        SELECT min(orders), corr(value, opens_30d) FROM lake.profiles.traits
        JOIN ({score_propensity(COMPANY, "churn", CHURN, trained.parameters, day(119))}) USING (person_id)
    """).fetchone()
    assert found
    assert found[0] > 0
    assert found[1] < -0.5


def test_what_chance_decides_is_not_published(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 500, 90, orders="0.03")
    trained = train_propensity(con, COMPANY, ORDERS, day(89))
    assert not trained.published
    assert trained.reason.startswith("not better than ")
    assert trained.parameters == {}


def test_too_few_outcomes_are_said_to_be(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 300, 90, orders="0.002")
    with pytest.raises(TooLittle, match="50 of each are needed"):
        train_propensity(con, COMPANY, ORDERS, day(89))


def test_nothing_that_happens_later_changes_what_was_learned(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 400, 100)
    before = train_propensity(con, COMPANY, ORDERS, day(80))
    con.execute(f"DELETE FROM lake.standardized.events WHERE _day > DATE '{day(80)}'")
    assert before == train_propensity(con, COMPANY, ORDERS, day(80))


def test_features_of_a_past_day_are_the_traits_of_that_day(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 50, 60)
    con.execute(f"CREATE TEMP TABLE events_of_people AS {events_query(COMPANY, day(59))}")
    features = _load_rows(con, COMPANY, ORDERS, [day(30), day(40)])
    names = ", ".join(f'"{name}"' for name in ["person_id", "as_of", *features])
    for past in (day(30), day(40)):
        learned = con.execute(f"SELECT {names} FROM rows WHERE as_of = ? ORDER BY ALL", [past]).fetchall()
        assert learned == con.execute(f"SELECT {names} FROM ({traits_query(COMPANY, past)}) ORDER BY ALL").fetchall()


def test_what_is_known_now_but_was_not_then_is_no_feature(con: duckdb.DuckDBPyConnection) -> None:
    described = con.execute(f"DESCRIBE {traits_query(COMPANY, day(9))}").fetchall()
    honest = honest_features(COMPANY, {name: kind for name, kind, *_ in described})
    assert honest == ["orders", "opens_30d", "days_since_order", "group", "age_of_record"]
    assert set(TRAITS) - set(honest) == {"has_email"}


def test_sql_scores_as_the_scorecard_does() -> None:
    bins = [Bins("n", edges=(0.0, 2.5)), Bins("kind", values=("it's", "b")), Bins("only_known_or_not")]
    random = np.random.default_rng(3)
    rows = np.column_stack([random.integers(0, len(b.labels), 400) for b in bins])
    happened = random.uniform(size=400) < np.where(rows[:, 0] == 3, 0.9, 0.2)
    card = Scorecard.fit(bins, rows, happened, np.arange(400))
    assert Scorecard.from_json(card.as_json()) == card
    values = [[None, 0, 1, 7], [None, "it's", "b", "c"], [None, 5]]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE people (i INTEGER, n DOUBLE, kind VARCHAR, only_known_or_not INTEGER)")
        for i, row in enumerate(rows):
            con.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?)", [i, *(v[x] for v, x in zip(values, row, strict=True))]
            )
        scored = con.execute(f"SELECT {card.sql()} FROM people ORDER BY i").fetchnumpy()
    assert next(iter(scored.values())) == pytest.approx(card.probability(rows))
    assert card.points[0][3] > max(card.points[0][:3])


def test_a_value_that_is_no_number_counts_as_unknown(con: duckdb.DuckDBPyConnection) -> None:
    row = con.execute(f"SELECT {Bins('x', edges=(1.0,)).sql()} FROM (SELECT 'nan'::DOUBLE AS x)").fetchone()
    assert row == (0,)


def test_declared_features_are_taken_as_they_are(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 600, 120, orders=f"0.05 * {KEENNESS}")
    declared = ORDERS.model_copy(update={"features": ["opens_30d", "has_email"], "among": "orders > 0"})
    trained = train_propensity(con, COMPANY, declared, day(119))
    assert {name for name, _ in trained.metrics["drivers"]} == {"opens_30d", "has_email"}
