"""First stage: extracts as they came, append-only."""

import dagster as dg

from cdp_assets.raw import arrivals
from cdp_assets.raw.streams import raw_asset
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """One asset for each declared stream."""
    return [raw_asset(model, source, name, stream) for source, name, stream in model.streams()]


def checks(model: Model) -> list[dg.AssetChecksDefinition]:
    """Whether rows keep arriving, and about as many as usual."""
    return arrivals.checks(model)
