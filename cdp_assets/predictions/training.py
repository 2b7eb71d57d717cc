"""Training whatever is due: each kind of prediction by its own method, with one kind of outcome."""

import datetime as dt

import duckdb

from cdp_assets.predictions.clusters import NotNumbers, train_clusters
from cdp_assets.predictions.next_product import train_next_product
from cdp_assets.predictions.propensity import train_propensity
from cdp_assets.predictions.purchases import train_value
from cdp_assets.predictions.versions import TooLittle, Trained, Version, settings_hash, training_due
from cdp_assets.profiles.predicted import before_predictions
from cdp_model.model import Model
from cdp_model.predictions import ClustersPrediction, Prediction, PropensityPrediction, ValuePrediction


def train(con: duckdb.DuckDBPyConnection, model: Model, name: str, prediction: Prediction, as_of: dt.date) -> Trained:
    """A version as of the end of a day; one that is not published, with the reason, where there is too little data."""
    try:
        if isinstance(prediction, ValuePrediction):
            return train_value(con, model, prediction, as_of)
        if isinstance(prediction, PropensityPrediction):
            return train_propensity(con, model, prediction, as_of)
        if isinstance(prediction, ClustersPrediction):
            return train_clusters(con, model, name, prediction, as_of)
        return train_next_product(con, model, prediction, as_of)
    except TooLittle as reason:
        return Trained(as_of, as_of, False, f"too little data: {reason}")
    except NotNumbers as reason:
        return Trained(as_of, as_of, False, str(reason))


def train_due(
    con: duckdb.DuckDBPyConnection, model: Model, as_of: dt.date, known: dict[str, Version], asked: bool = False
) -> dict[str, tuple[str, Trained]]:
    """What was trained, by prediction, and why. ``known``: the versions in force."""
    early = before_predictions(model)
    trained = {}
    for name, prediction in model.predictions.items():
        settings = settings_hash(early, prediction)
        reason = training_due(known.get(name), settings, as_of, prediction.retrain_days, asked)
        if reason:
            trained[name] = (reason, train(con, early, name, prediction, as_of))
    return trained
