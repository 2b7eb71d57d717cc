"""Propensities: people on past days as rows, what they did after as labels; tested on the latest days alone."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from cdp_assets.predictions.features import Bins, bins_of, honest_features
from cdp_assets.predictions.measures import auc, auc_gain, brier, deciles
from cdp_assets.predictions.scorecard import Scorecard
from cdp_assets.predictions.versions import TooLittle, Trained
from cdp_assets.profiles.people import events_query, only, people_query
from cdp_model.columns import person_columns
from cdp_model.expressions import columns_of, computed, holds
from cdp_model.model import Model
from cdp_model.predictions import PropensityPrediction
from cdp_model.traits import EVENT_COLUMNS, PERSON_COLUMNS
from cdp_resources.lake import CATALOG
from cdp_resources.sql import literal, quote

TRAINING_DAYS = 6
LEAST_OF_EACH = 50
"""People with the outcome, and without it, that there must be to train on and to test with."""

ROWS_A_DAY = 50_000
"""People at most for each past day, chosen by hash: more change nothing but the seconds."""


def label_days(first: dt.date, as_of: dt.date, within: int) -> tuple[list[dt.date], dt.date]:
    """The past days to train on, latest first, and the day to test on. Raises ``TooLittle``.

    What came after a training day ends before the test day, and each training day has some history before it.
    """
    test = as_of - dt.timedelta(days=within)
    history, step = max(within // 2, 7), max((within + 1) // 2, 1)
    days = [test - dt.timedelta(days=within + i * step) for i in range(TRAINING_DAYS)]
    training = [day for day in days if (day - first).days + 1 >= history]
    if not training:
        needed = 2 * within + history
        raise TooLittle(f"events of {(as_of - first).days + 1} days; {needed} are needed for a window of {within}")
    return training, test


def train_propensity(
    con: duckdb.DuckDBPyConnection, model: Model, prediction: PropensityPrediction, as_of: dt.date
) -> Trained:
    """Fit on past days, test on the latest window, and fit again on all of them. Raises ``TooLittle``.

    ``model``: without what predictions give.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE events_of_people AS {events_query(model, as_of)}")
    row = con.execute("SELECT min(day) FROM events_of_people").fetchone()
    if not row or row[0] is None:
        raise TooLittle("no events of known people")
    training, test = label_days(row[0], as_of, prediction.within_days)
    features = _load_rows(con, model, prediction, [*training, test])
    con.execute("DROP TABLE events_of_people")
    for what, where in (("train on", f"as_of <> DATE '{test}'"), ("test with", f"as_of = DATE '{test}'")):
        _enough(con, what, where)
    metrics = _tested(con, features, test)
    metrics |= {"training_days": [str(day) for day in training], "test_days": prediction.within_days}
    better = metrics["auc_gain_low"] > 0 and metrics["brier"] < metrics["brier_of_rate"]
    if not better:
        short = "a plain recency rule" if metrics["auc_gain_low"] <= 0 else "the same probability for everybody"
        reason = f"not better than {short} on the days after {test}: {_compared(metrics)}"
        return Trained(training[-1], as_of, False, reason, metrics=metrics)
    card, _ = _fit(con, features, "true")
    reason = f"better than a plain recency rule on the days after {test}: {_compared(metrics)}"
    return Trained(training[-1], as_of, True, reason, card.as_json(), metrics)


def score_propensity(
    model: Model, name: str, prediction: PropensityPrediction, parameters: dict[str, Any], as_of: dt.date
) -> str:
    """SELECT of person_id, column_name, value for the people it is for, from the traits of a day as they are kept."""
    people = f"SELECT * FROM {CATALOG}.profiles.golden_records JOIN {CATALOG}.profiles.traits USING (person_id)"
    events = f"SELECT person_id FROM ({events_query(model, as_of)}) WHERE {_is_awaited(prediction)}"
    return f"""
        SELECT person_id, {literal(name + "_probability")} AS column_name,
            ({Scorecard.from_json(parameters).sql()})::DOUBLE AS value
        FROM ({people}) WHERE {_concerned(model, prediction, f"person_id IN ({events})")}"""


def _load_rows(
    con: duckdb.DuckDBPyConnection, model: Model, prediction: PropensityPrediction, days: Sequence[dt.date]
) -> list[str]:
    """Temporary table ``rows``: person_id, as_of, features, recency (days), happened. Returns the features' names."""
    described = con.execute(f"DESCRIBE {people_query(model, days[0], 'events_of_people')}").fetchall()
    types = {column: kind for column, kind, *_ in described}
    features = prediction.features or honest_features(model, types)
    if not features:
        raise TooLittle("no trait can be used as a feature: declare some in traits.yaml")
    among = columns_of(prediction.among, person_columns(model)) if prediction.among else []
    needed = only(model, [*features, *(column for column in among if column not in PERSON_COLUMNS)])
    selected = ", ".join(quote(name) for name in ["person_id", "as_of", *features])
    con.execute("DROP TABLE IF EXISTS rows")
    for i, day in enumerate(days):
        end = day + dt.timedelta(days=prediction.within_days)
        rows = f"""
            WITH people AS ({people_query(needed, day, "events_of_people")}),
            awaited AS (SELECT person_id, day FROM events_of_people WHERE {_is_awaited(prediction)}),
            before AS (SELECT person_id, DATE '{day}' - max(day) AS recency FROM awaited
                WHERE day <= DATE '{day}' GROUP BY person_id),
            after AS (SELECT DISTINCT person_id, true AS done FROM awaited
                WHERE day > DATE '{day}' AND day <= DATE '{end}')
            SELECT {selected}, recency, coalesce(done, false) = {prediction.happens} AS happened
            FROM people LEFT JOIN before USING (person_id) LEFT JOIN after USING (person_id)
            WHERE {_concerned(needed, prediction, "recency IS NOT NULL")}
            ORDER BY hash(person_id) LIMIT {ROWS_A_DAY}"""
        con.execute(f"INSERT INTO rows {rows}" if i else f"CREATE TEMP TABLE rows AS {rows}")
    return list(features)


def _concerned(model: Model, prediction: PropensityPrediction, done_before: str) -> str:
    """SQL for the people that a prediction is about."""
    if prediction.among:
        return holds(prediction.among, person_columns(model))
    return "true" if prediction.happens else done_before


def _is_awaited(prediction: PropensityPrediction) -> str:
    names = ", ".join(literal(event) for event in prediction.events)
    condition = f"event_name IN ({names})"
    return f"{condition} AND {computed(prediction.where, EVENT_COLUMNS)}" if prediction.where else condition


def _enough(con: duckdb.DuckDBPyConnection, what: str, where: str) -> None:
    row = con.execute(f"""
        SELECT count(DISTINCT person_id) FILTER (happened), count(DISTINCT person_id) FILTER (NOT happened)
        FROM rows WHERE {where}""").fetchone()
    with_it, without = row or (0, 0)
    if min(with_it, without) < LEAST_OF_EACH:
        found = f"{with_it} people with the outcome and {without} without it to {what}"
        raise TooLittle(f"{found}; {LEAST_OF_EACH} of each are needed")


def _fit(con: duckdb.DuckDBPyConnection, features: list[str], where: str) -> tuple[Scorecard, float]:
    """A scorecard for some of the rows, and the rate of the outcome in them."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE fitted_on AS SELECT * FROM rows WHERE {where}")
    bins = bins_of(con, "fitted_on", features)
    if not bins:
        raise TooLittle("every feature has the same value for everybody")
    numbers, happened, _, people = _fetch(con, bins, "fitted_on")
    return Scorecard.fit(bins, numbers, happened, people), float(happened.mean())


def _fetch(con: duckdb.DuckDBPyConnection, bins: Sequence[Bins], table: str) -> tuple[Any, Any, Any, Any]:
    """Numbers of the bins, outcomes, recencies (infinite for never) and whom each row is about."""
    columns = ", ".join(f"{b.sql()} AS bin_{i}" for i, b in enumerate(bins))
    found = con.execute(f"""
        SELECT happened, coalesce(recency, 'inf'::DOUBLE) AS recency, person_id, {columns}
        FROM {table} ORDER BY as_of, person_id""").fetchnumpy()
    happened, recency, person, *numbers = (np.asarray(column) for column in found.values())
    _, people = np.unique(person.astype(str), return_inverse=True)
    return np.column_stack(numbers).astype(np.int64), happened.astype(bool), recency.astype(float), people


def _tested(con: duckdb.DuckDBPyConnection, features: list[str], test: dt.date) -> dict[str, Any]:
    """How a scorecard of the days before does on the latest window, beside a rule that looks at recency alone."""
    card, rate = _fit(con, features, f"as_of <> DATE '{test}'")
    con.execute(f"CREATE OR REPLACE TEMP TABLE tested_on AS SELECT * FROM rows WHERE as_of = DATE '{test}'")
    numbers, happened, recency, _ = _fetch(con, card.bins, "tested_on")
    probability = card.probability(numbers)
    # who did it lately does it again: of two rules, the longer and the shorter silence, the one that fits the outcome
    rule = recency if auc(happened, recency) >= 0.5 else -recency
    gain = auc_gain(happened, probability, rule)
    return {
        "tested_from": str(test + dt.timedelta(days=1)),
        "people": len(happened),
        "rate": float(happened.mean()),
        "auc": auc(happened, probability),
        "auc_of_recency": auc(happened, rule),
        "auc_gain": gain.value,
        "auc_gain_low": gain.low,
        "auc_gain_high": gain.high,
        "brier": brier(happened, probability),
        "brier_of_rate": brier(happened, rate),
        "deciles": deciles(happened, probability),
        "drivers": [[name, round(fall, 6)] for name, fall in card.drivers(numbers, happened)],
    }


def _compared(metrics: dict[str, Any]) -> str:
    return (
        f"AUC {metrics['auc']:.3f} against {metrics['auc_of_recency']:.3f}, "
        f"gain {metrics['auc_gain_low']:+.3f} to {metrics['auc_gain_high']:+.3f}; "
        f"Brier {metrics['brier']:.4f} against {metrics['brier_of_rate']:.4f}"
    )
