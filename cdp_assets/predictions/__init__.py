"""Between traits and profiles: what people are expected to do, by models tested on the future that they predict.

scikit-learn is imported where it is used, and scipy's modules are written out (`scipy.special.gammaln`), which loads
them when they are called: every run of anything imports this, and they would be a third of its start.
"""

import dagster as dg

from cdp_assets.predictions.affinities import affinities
from cdp_assets.predictions.models import models
from cdp_assets.predictions.recommendations import recommendations
from cdp_assets.predictions.scores import scores
from cdp_assets.profiles import predicted
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Models, and the tables that the declared kinds of predictions need; nothing where nothing is declared."""
    needed = predicted.assets_of(model)
    found = [scores] if [*scores.key.path] in needed else []
    found += [affinities, recommendations] if [*recommendations.key.path] in needed else []
    return [models, *found] if found else []
