"""Trained versions of predictions: when one is due, what it is called, how it is kept."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import duckdb

from cdp_assets.profiles.people import only
from cdp_assets.profiles.predicted import MODELS, in_force
from cdp_model.model import Model
from cdp_model.predictions import ClustersPrediction, NextProductPrediction, Prediction, PropensityPrediction

METHOD = 1
"""Raised when training changes its method, so that every version is made anew."""

VERSION_DESCRIPTIONS = {
    "prediction": "Its name in predictions.yaml",
    "model_version": "The version of predictions.models that made it",
    "trained_from": "First day of what the version has learned from",
    "trained_through": "Last day of what the version has learned from",
}
"""Of the columns that every table of predictions has."""

RETRY_DAYS = 7
"""What was not published is tried again sooner than what was."""


class TooLittle(Exception):
    """Why there is not enough to train on or to test with, in words."""


@dataclass(frozen=True)
class Trained:
    """What training made: ``parameters`` to score with, unless it is not ``published`` for a ``reason``."""

    trained_from: dt.date
    trained_through: dt.date
    published: bool
    reason: str
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """One row of `predictions.models`."""

    prediction: str
    model_version: str
    settings_hash: str
    trained: Trained


def settings_hash(model: Model, prediction: Prediction) -> str:
    """Of everything declared that a version is made from. ``model``: without what predictions give."""
    declared = prediction.model_dump(mode="json", exclude={"description", "owner", "retrain", "keep"})
    company = model.company
    made_from: dict[str, Any] = {"method": METHOD, "prediction": declared, "timezone": company.timezone}
    if not isinstance(prediction, NextProductPrediction):
        made_from["money"] = [company.currency, company.exchange_rates]
    if isinstance(prediction, PropensityPrediction | ClustersPrediction):
        used = only(model, prediction.traits) if isinstance(prediction, ClustersPrediction) else model
        made_from["traits"] = {n: t.model_dump(mode="json", exclude={"description"}) for n, t in used.traits.items()}
    return _hash(made_from)


def training_due(known: Version | None, settings: str, as_of: dt.date, retrain_days: int, asked: bool) -> str | None:
    """Why a new version is due on a day; None while the newest one will do."""
    if known is None:
        return "there is none yet"
    if known.settings_hash != settings:
        return "what is declared has changed"
    if asked:
        return "asked for"
    age = (as_of - known.trained.trained_through).days
    if not known.trained.published and age >= min(RETRY_DAYS, retrain_days):
        return f"the version of {age} days ago was not published"
    return f"the version is {age} days old" if age >= retrain_days else None


def last_published(con: duckdb.DuckDBPyConnection, prediction: str, as_of: dt.date) -> Trained | None:
    """The last version of a prediction, up to a day, that was used; whatever came of those after it."""
    row = con.execute(
        f"""SELECT trained_from, trained_through, reason, parameters, metrics FROM {MODELS}
        WHERE prediction = ? AND published AND trained_through <= ? ORDER BY trained_through DESC, trained_at DESC""",
        [prediction, as_of],
    ).fetchone()
    if row is None:
        return None
    first, through, reason, parameters, metrics = row
    return Trained(first, through, True, reason, json.loads(parameters), json.loads(metrics))


def newest(con: duckdb.DuckDBPyConnection, as_of: dt.date) -> dict[str, Version]:
    """The version of each prediction that is in force on a day, by the prediction's name."""
    rows = con.execute(f"""
        SELECT prediction, model_version, settings_hash, trained_from, trained_through, published, reason,
            parameters, metrics FROM ({in_force(as_of)})""").fetchall()
    found = {}
    for name, version, settings, first, through, published, reason, parameters, metrics in rows:
        trained = Trained(first, through, published, reason, json.loads(parameters), json.loads(metrics))
        found[name] = Version(name, version, settings, trained)
    return found


def keep(con: duckdb.DuckDBPyConnection, name: str, prediction: Prediction, settings: str, trained: Trained) -> Version:
    """Write a version; the same data and settings have the same name, and are there once."""
    parameters = json.dumps(trained.parameters, sort_keys=True)
    version = _hash([name, settings, str(trained.trained_through), parameters])
    con.execute(f"DELETE FROM {MODELS} WHERE prediction = ? AND model_version = ?", [name, version])
    con.execute(
        f"INSERT INTO {MODELS} BY NAME SELECT ? AS prediction, ? AS model_version, ?::DATE AS trained_from, "
        "?::DATE AS trained_through, ? AS kind, ? AS settings_hash, ?::JSON AS settings, ?::JSON AS parameters, "
        "?::JSON AS metrics, ? AS published, ? AS reason, ? AS owner, now() AS trained_at",
        [
            name,
            version,
            trained.trained_from,
            trained.trained_through,
            prediction.kind,
            settings,
            prediction.model_dump_json(),
            parameters,
            json.dumps(trained.metrics),
            trained.published,
            trained.reason,
            prediction.owner,
        ],
    )
    return Version(name, version, settings, trained)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
