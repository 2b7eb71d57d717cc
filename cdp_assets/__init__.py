"""One folder a stage, in the order data flows. What holds for every asset is applied here, once."""

from typing import Any

import dagster as dg

from cdp_assets import activation, identity, predictions, profiles, pulls, raw, segments, standardized
from cdp_assets.automation import condition_for
from cdp_model import Model

STAGES: tuple[Any, ...] = (pulls, raw, standardized, identity, profiles, predictions, segments, activation)


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Every asset of the declared company, with group, owner and automation."""
    found = [asset for stage in STAGES for asset in stage.assets(model)]
    return [asset.map_asset_specs(lambda spec: _with_policies(spec, model)) for asset in found]


def checks(model: Model) -> list[dg.AssetChecksDefinition]:
    """The checks that are definitions of their own."""
    return [*raw.checks(model), *identity.checks(model)]


def _with_policies(spec: dg.AssetSpec, model: Model) -> dg.AssetSpec:
    return spec.replace_attributes(
        group_name=spec.key.path[0],
        owners=list(spec.owners) or [model.company.owner],
        automation_condition=condition_for(spec.key),
    )
