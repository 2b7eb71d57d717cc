"""Activation: destinations are kept equal to segments, as far as consent allows, and every delivery is on record."""

from cdp_assets.activation.syncs import assets

__all__ = ["assets"]
