"""Value predictions are tested on later purchases, withheld unless they are better, and are there for every buyer."""

from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import FIRST, day, model, populate

from cdp_assets.predictions.bg_nbd import BgNbd
from cdp_assets.predictions.purchases import histories, load_purchases, score_value, train_value
from cdp_assets.predictions.versions import TooLittle
from cdp_model.predictions import ValuePrediction

VALUE = ValuePrediction(kind="value", description="Value", events=["Order"])
COMPANY = model({})


def leaving_customers(con: duckdb.DuckDBPyConnection, people: int, days: int) -> None:
    """Orders of customers who behave as BG/NBD says, each from a day of their own on."""
    random = np.random.default_rng(5)
    for person in range(people):
        rate, stops = random.gamma(0.8) / 12, random.beta(0.9, 2.5)
        time, found = random.uniform(0, days / 2), []
        while time < days:
            found.append(time)
            time = time + random.exponential(1 / rate) if random.uniform() > stops or len(found) == 1 else days
        add_orders(con, f"p{person}", [int(time) for time in found], float(random.gamma(5) * 4))
    know(con, people)


def know(con: duckdb.DuckDBPyConnection, people: int) -> None:
    con.execute(f"""INSERT INTO lake.identity.record_persons
        SELECT 'crm:p' || p, 'p' || p, now() FROM range({people}) AS t(p)""")


def add_orders(con: duckdb.DuckDBPyConnection, person: str, days: list[int], revenue: float) -> None:
    """Orders of one person on days counted from 0."""
    con.execute(
        f"""INSERT INTO lake.standardized.events
            (event_id, source, event_name, record_key, occurred_at, revenue, _day)
        SELECT gen_random_uuid(), 'shop', 'Order', 'crm:' || $person, day::TIMESTAMPTZ, $revenue, day
        FROM (SELECT DATE '{FIRST}' + unnest($days::INTEGER[]) AS day)""",
        {"person": person, "days": days, "revenue": revenue},
    )


def test_customers_who_leave_are_better_known_by_the_model_than_by_their_past_rate(
    con: duckdb.DuckDBPyConnection,
) -> None:
    leaving_customers(con, 500, 180)
    trained = train_value(con, COMPANY, VALUE, day(179))
    assert trained.published, trained.reason
    assert trained.metrics["purchases_gain_low"] > 0
    assert trained.metrics["purchases_expected_per_actual"] == pytest.approx(1, abs=0.25)
    assert trained == train_value(con, COMPANY, VALUE, day(179)), "not the same for the same data"
    scores = scored(con, trained.parameters)
    assert set(scores) == {
        "value_alive",
        *(f"value_{what}_{days}d" for what in ("purchases", "revenue") for days in (90, 365)),
    }
    assert {len(values) for values in scores.values()} == {500}
    assert all(0 <= alive <= 1 for alive in scores["value_alive"])
    assert sum(scores["value_purchases_90d"]) < sum(scores["value_purchases_365d"])


def scored(con: duckdb.DuckDBPyConnection, parameters: dict[str, Any]) -> dict[str, list[float]]:
    rows = con.execute(
        f"""SELECT column_name, list(value) FROM ({score_value(con, COMPANY, "value", VALUE, parameters, day(179))})
        GROUP BY column_name"""
    ).fetchall()
    return dict(rows)


def test_scores_are_those_of_the_model_for_each_history(con: duckdb.DuckDBPyConnection) -> None:
    populate(con, 60, 100)
    bg_nbd = {"r": 0.8, "alpha": 20.0, "a": 0.5, "b": 2.0}
    money = {"p": 6.0, "q": 4.0, "gamma": 15.0}
    scores = scored(con, {"bg_nbd": bg_nbd, "gamma_gamma": money})
    rows = np.array(
        con.execute(f"SELECT repeats, last, known, purchases, mean_value FROM ({histories(day(179))})").fetchall()
    ).T.astype(float)
    expected = BgNbd(**bg_nbd).expected_purchases(90, *rows[:3])
    assert sorted(scores["value_purchases_90d"]) == pytest.approx(sorted(expected))
    value = expected * 6 * (15 + rows[3] * rows[4]) / (6 * rows[3] + 3)
    assert sorted(scores["value_revenue_90d"]) == pytest.approx(sorted(value))


def test_customers_who_keep_their_rate_need_no_model(con: duckdb.DuckDBPyConnection) -> None:
    know(con, 150)
    for person in range(150):
        add_orders(con, f"p{person}", list(range(0, 120, 3 + person % 9)), 10)
    trained = train_value(con, COMPANY, VALUE, day(119))
    assert not trained.published
    assert "not better than the same rate as before" in trained.reason


def test_orders_of_one_day_are_one_purchase_and_refunds_have_no_value(con: duckdb.DuckDBPyConnection) -> None:
    know(con, 1)
    for days, revenue in (([0, 0, 4], 30), ([6], -5), ([50], 999)):
        add_orders(con, "p0", days, revenue)
    load_purchases(con, COMPANY, VALUE, day(20))
    assert con.execute(histories(day(20))).fetchall() == [("p0", 3 - 1, 6, 20, 2, 45.0)]


@pytest.mark.parametrize(
    ("days", "people", "reason"),
    [(20, 50, "purchases of 20 days; 42 are needed"), (60, 20, "100 are needed")],
    ids=["short", "few"],
)
def test_too_little_data_is_said_to_be(con: duckdb.DuckDBPyConnection, days: int, people: int, reason: str) -> None:
    populate(con, people, days, orders="0.3")
    with pytest.raises(TooLittle, match=reason):
        train_value(con, COMPANY, VALUE, day(days - 1))


def test_without_any_purchase_there_is_too_little(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(TooLittle, match="purchases of 0 days"):
        train_value(con, COMPANY, VALUE, day(9))
