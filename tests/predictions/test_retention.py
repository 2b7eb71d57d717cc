"""How long what was predicted is kept."""

import datetime as dt

import duckdb
from conftest import model

from cdp_assets.predictions.retention import delete_expired
from cdp_assets.profiles.predicted import SCORES
from cdp_model.predictions import PropensityPrediction, ValuePrediction

AS_OF = dt.date(2026, 3, 31)


def test_days_that_are_too_old_for_their_prediction_go(con: duckdb.DuckDBPyConnection) -> None:
    company = model(
        {
            "churn": PropensityPrediction(kind="propensity", description="c", events=["Order"], keep="10 days"),
            "worth": ValuePrediction(kind="value", description="w"),
        }
    )
    con.execute(f"""
        INSERT INTO {SCORES} (score_date, person_id, prediction)
        SELECT DATE '{AS_OF}' - age::INTEGER, 'p1', name
        FROM range(500) AS t(age), (VALUES ('churn'), ('worth'), ('no longer declared')) AS p(name)""")
    assert delete_expired(con, SCORES, company, AS_OF) == 490 + 100 + 100
    kept = con.execute(f"SELECT prediction, count(*), min(score_date) FROM {SCORES} GROUP BY 1 ORDER BY 1").fetchall()
    long_ago = AS_OF - dt.timedelta(days=399)
    assert kept == [
        ("churn", 10, AS_OF - dt.timedelta(days=9)),
        ("no longer declared", 400, long_ago),
        ("worth", 400, long_ago),
    ]
    assert delete_expired(con, SCORES, company, AS_OF) == 0
