"""Which company is loaded, for the assets that ask while they run."""

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

import cdp_resources.destinations  # noqa: F401 - makes the kinds of destination known to the model
from cdp_model import Model, load_model

DEFAULT_MODEL = "examples/retailer"


class Company(dg.ConfigurableResource):
    """The declared model, as a resource."""

    path: str = Field(description="Folder with company.yaml")

    @classmethod
    def from_env(cls) -> "Company":
        """The company that CDP_MODEL names; the retailer example by default."""
        named = Path(os.environ.get("CDP_MODEL") or DEFAULT_MODEL)
        here = Path(__file__).resolve().parent.parent / named
        return cls(path=str(named.absolute() if named.exists() else here))

    @property
    def model(self) -> Model:
        """The checked model; loaded once a process."""
        return load_model(Path(self.path))
