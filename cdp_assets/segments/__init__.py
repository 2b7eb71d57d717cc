"""Fifth stage: who belongs to which declared segment, for any day."""

import dagster as dg

from cdp_assets.segments.changes import changes_asset
from cdp_assets.segments.memberships import memberships_asset
from cdp_assets.segments.memberships_as_known import KEY, memberships_as_known_asset
from cdp_model import Model

ON_DEMAND = dg.AssetSelection.assets(KEY)
"""Made only when somebody asks for it: no job and no schedule has it."""


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Memberships by what is known now and was known then, and changes."""
    return [memberships_asset(model), changes_asset(model), memberships_as_known_asset(model)]
