"""Fifth stage: who belongs to which declared segment, for any day."""

import dagster as dg

from cdp_assets.segments.memberships import segment_assets
from cdp_model import Model


def assets(model: Model) -> list[dg.AssetsDefinition]:
    """Memberships and changes."""
    return segment_assets(model)
