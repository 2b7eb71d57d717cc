"""JSON Schema of each kind of file, so that editors complete and underline while a data team types."""

from typing import Any

from pydantic import TypeAdapter

from cdp_model.families import TraitEntry
from cdp_model.identity import IdentitySettings
from cdp_model.model import CompanySettings
from cdp_model.predictions import Prediction
from cdp_model.sources import Source
from cdp_model.survivorship import ProfileSettings
from cdp_model.syncs import AnyDestination, Sync
from cdp_model.tracking_plan import Plan
from cdp_model.traits import Segment

FILES: dict[str, Any] = {
    "company": CompanySettings,
    "source": Source,
    "identity": IdentitySettings,
    "profiles": ProfileSettings,
    "traits": dict[str, TraitEntry],
    "predictions": dict[str, Prediction],
    "destinations": dict[str, AnyDestination],
    "segments": dict[str, Segment],
    "syncs": dict[str, Sync],
    "tracking_plan": Plan,
}


def schemas() -> dict[str, dict[str, Any]]:
    """One JSON Schema (draft 2020-12) for each kind of file, by the kind's name."""
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **TypeAdapter(kind).json_schema()}
        for name, kind in FILES.items()
    }
