"""Value predictions: purchase histories from SQL, models fitted, tested on later purchases, and buyers scored."""

import datetime as dt
from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cdp_assets.predictions.bg_nbd import Array, BgNbd, NotFitted
from cdp_assets.predictions.gamma_gamma import GammaGamma
from cdp_assets.predictions.measures import Interval, error_gain
from cdp_assets.predictions.versions import TooLittle, Trained
from cdp_assets.profiles.people import events_query
from cdp_model.model import Model
from cdp_model.predictions import ValuePrediction
from cdp_resources.sql import literal

LONGEST_TEST = 90
LEAST_HISTORY = 42
LEAST_REPEATERS = 100
FITTED_ON = 200_000
"""People at most: more change the fourth digit of the parameters, and cost seconds."""

GROUPS = (0, 1, 2, 3, 4, 6, 10)
"""Least repeat purchases of the groups in which expected and actual purchases are compared."""


def load_purchases(con: duckdb.DuckDBPyConnection, model: Model, prediction: ValuePrediction, until: dt.date) -> None:
    """Temporary table ``purchase_days``: person_id, day, revenue, of the days up to one on which a person bought.

    Revenue stays decimal: its sums do not hang on the order of rows.
    """
    names = ", ".join(literal(event) for event in prediction.events)
    wanted = f"event_name IN ({names})" if names else "revenue_reporting > 0"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE purchase_days AS
        SELECT person_id, day, sum(coalesce(revenue_reporting, 0)) AS revenue
        FROM ({events_query(model, until)}) WHERE {wanted} GROUP BY person_id, day""")


def histories(cut: dt.date) -> str:
    """SELECT of one row a buyer up to a day: repeats, last, known (days), purchases with a value, their mean value."""
    return f"""
        SELECT person_id, count(*) - 1 AS repeats, max(day) - min(day) AS last, DATE '{cut}' - min(day) AS known,
            count(*) FILTER (revenue > 0) AS purchases,
            coalesce((sum(revenue) FILTER (revenue > 0))::DOUBLE / count(*) FILTER (revenue > 0), 0) AS mean_value
        FROM purchase_days WHERE day <= DATE '{cut}' GROUP BY person_id"""


def train_value(con: duckdb.DuckDBPyConnection, model: Model, prediction: ValuePrediction, as_of: dt.date) -> Trained:
    """Fit on the past, test on what came after, and fit again on everything. Raises ``TooLittle``."""
    load_purchases(con, model, prediction, as_of)
    row = con.execute("SELECT min(day) FROM purchase_days").fetchone()
    first = row[0] if row and row[0] else None
    days = (as_of - first).days + 1 if first else 0
    if first is None or days < LEAST_HISTORY:
        raise TooLittle(f"purchases of {days} days; {LEAST_HISTORY} are needed")
    test_days = min(LONGEST_TEST, days // 3)
    metrics = _tested(con, as_of - dt.timedelta(days=test_days), test_days)
    better, money_better = metrics["purchases_gain_low"] > 0, metrics["revenue_gain_low"] > 0
    if not better:
        reason = "expected purchases are not better than the same rate as before: " + metrics["purchases_gain_text"]
        return Trained(first, as_of, False, reason, metrics=metrics)
    bg_nbd, gamma_gamma = _fitted(con, as_of)
    parameters = {"bg_nbd": _rounded(bg_nbd), "gamma_gamma": _rounded(gamma_gamma) if money_better else None}
    reason = "expected purchases and revenue are better than the same rate as before"
    if not money_better:
        reason = "expected purchases are better than the same rate as before; revenue is not, and is left out"
    return Trained(first, as_of, True, reason, parameters, metrics | {"at_a_bound": bg_nbd.at_a_bound})


def score_value(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    name: str,
    prediction: ValuePrediction,
    parameters: dict[str, Any],
    as_of: dt.date,
) -> str:
    """SELECT of person_id, column_name, value for every buyer. People with equal histories are computed once."""
    load_purchases(con, model, prediction, as_of)
    con.execute(f"CREATE OR REPLACE TEMP TABLE histories AS {histories(as_of)}")
    found = con.execute("SELECT DISTINCT repeats, last, known FROM histories ORDER BY ALL").fetchnumpy()
    x, t_x, t = (np.asarray(found[column], dtype=float) for column in ("repeats", "last", "known"))
    bg_nbd = BgNbd(**parameters["bg_nbd"])
    computed = {f"{name}_alive": bg_nbd.probability_alive(x, t_x, t)}
    for days in prediction.horizons:
        computed[f"{name}_purchases_{days}d"] = bg_nbd.expected_purchases(days, x, t_x, t)
    con.register("of_histories", pa.table({**found, **computed}))
    columns = {column: f'"{column}"' for column in computed}
    if parameters["gamma_gamma"]:
        p, q, gamma = (parameters["gamma_gamma"][key] for key in ("p", "q", "gamma"))
        value = f"{p} * ({gamma} + purchases * mean_value) / ({p} * purchases + {q - 1})"
        columns |= {f"{name}_revenue_{d}d": f'"{name}_purchases_{d}d" * {value}' for d in prediction.horizons}
    pairs = ", ".join(f"({literal(column)}, ({sql})::DOUBLE)" for column, sql in columns.items())
    return f"""
        SELECT person_id, scored.column_name, scored.value
        FROM histories JOIN of_histories USING (repeats, last, known), (VALUES {pairs}) AS scored(column_name, value)"""


def _fitted(con: duckdb.DuckDBPyConnection, cut: dt.date) -> tuple[BgNbd, GammaGamma]:
    sample = f"SELECT * FROM ({histories(cut)}) ORDER BY hash(person_id) LIMIT {FITTED_ON}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE fitted_on AS {sample}")
    groups = _columns(con, "SELECT repeats, last, known, count(*) FROM fitted_on GROUP BY ALL ORDER BY ALL")
    values = "SELECT purchases, mean_value FROM fitted_on WHERE purchases > 0 ORDER BY person_id"
    try:
        return BgNbd.fit(*groups), GammaGamma.fit(*_columns(con, values))
    except NotFitted as reason:
        raise TooLittle(str(reason)) from reason


def _tested(con: duckdb.DuckDBPyConnection, cut: dt.date, days: int) -> dict[str, Any]:
    """Expected against actual purchases and revenue in the ``days`` after a day, beside the same rate as before."""
    row = con.execute(f"SELECT count(*) FILTER (repeats > 0) FROM ({histories(cut)})").fetchone()
    repeaters = row[0] if row else 0
    if repeaters < LEAST_REPEATERS:
        raise TooLittle(f"{repeaters} people bought on two days before {cut}; {LEAST_REPEATERS} are needed")
    bg_nbd, gamma_gamma = _fitted(con, cut)
    x, t_x, t, n, mean, bought, spent = _columns(
        con,
        f"""SELECT repeats, last, known, purchases, mean_value, coalesce(bought, 0), coalesce(spent, 0)
        FROM fitted_on LEFT JOIN (
            SELECT person_id, count(*) AS bought, sum(revenue)::DOUBLE AS spent FROM purchase_days
            WHERE day > DATE '{cut}' GROUP BY person_id) USING (person_id) ORDER BY person_id""",
    )
    expected = bg_nbd.expected_purchases(days, x, t_x, t)
    revenue = expected * gamma_gamma.expected_value(n, mean)
    same_rate = x / np.maximum(t, 1) * days
    gain, money_gain = error_gain(bought, expected, same_rate), error_gain(spent, revenue, same_rate * mean)
    return {
        "tested_from": str(cut + dt.timedelta(days=1)),
        "test_days": days,
        "people": len(x),
        "repeat_buyers": int(repeaters),
        "purchases_expected_per_actual": float(expected.sum() / max(bought.sum(), 1)),
        "revenue_expected_per_actual": float(revenue.sum() / max(spent.sum(), 1)),
        **_named("purchases_gain", gain),
        **_named("revenue_gain", money_gain),
        "groups": _groups(x, expected, bought, same_rate),
    }


def _groups(x: Array, expected: Array, bought: Array, same_rate: Array) -> list[dict[str, Any]]:
    found = []
    for low, high in zip(GROUPS, [*GROUPS[1:], np.inf], strict=True):
        here = (x >= low) & (x < high)
        if here.any():
            label = f"{low}" if high == low + 1 else f"{low} or more" if high == np.inf else f"{low} to {high - 1:.0f}"
            means = {"expected": expected, "actual": bought, "same_rate": same_rate}
            rounded = {kind: round(float(values[here].mean()), 4) for kind, values in means.items()}
            found.append({"repeats": label, "people": int(here.sum())} | rounded)
    return found


def _named(name: str, gain: Interval) -> dict[str, Any]:
    return {name: gain.value, f"{name}_low": gain.low, f"{name}_high": gain.high, f"{name}_text": str(gain)}


def _columns(con: duckdb.DuckDBPyConnection, sql: str) -> list[Array]:
    return [np.asarray(column, dtype=float) for column in con.execute(sql).fetchnumpy().values()]


def _rounded(fitted: BgNbd | GammaGamma) -> dict[str, float]:
    """To nine digits: the rest differs from machine to machine."""
    return {name: float(f"{value:.9g}") for name, value in asdict(fitted).items()}
