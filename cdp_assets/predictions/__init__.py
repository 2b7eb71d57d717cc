"""Between traits and profiles: what people are expected to do, by models tested on the future that they predict."""

import dagster as dg

from cdp_assets.predictions.models import models
from cdp_assets.predictions.scores import scores
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Models and scores; nothing where nothing is declared."""
    return [models, scores] if model.predictions else []
