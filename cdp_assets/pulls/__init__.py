"""Before the first stage: sources that are asked for their rows. What they give lands as files."""

import dagster as dg

from cdp_assets.pulls.streams import pull_asset
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """One asset for each stream that something must be fetched for."""
    return [
        pull_asset(model, source, name, stream)
        for source in model.sources.values()
        for name, stream in source.pulls.items()
    ]
