"""Fifth stage: who belongs to which declared segment, for any day."""

import dagster as dg

from cdp_assets.segments.changes import changes_asset
from cdp_assets.segments.memberships import memberships_asset
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Memberships and changes."""
    return [memberships_asset(model), changes_asset(model)]
