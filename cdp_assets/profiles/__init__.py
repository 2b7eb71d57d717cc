"""Fourth stage: one lasting profile a person."""

import dagster as dg

from cdp_assets.profiles.corrections import corrections
from cdp_assets.profiles.golden_records import golden_records
from cdp_assets.profiles.profiles import profiles_asset
from cdp_assets.profiles.timeline import timeline_asset
from cdp_assets.profiles.traits import traits_asset
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Corrections, golden records, traits, profiles and timeline."""
    return [corrections, golden_records, traits_asset(model), profiles_asset(model), timeline_asset(model)]
