"""Which company is loaded, for the assets that ask while they run."""

from pathlib import Path

import dagster as dg
from pydantic import Field

import cdp_resources.destinations  # noqa: F401 - makes the kinds of destination known to the model
from cdp_model import Model, load_model
from cdp_resources.environment import model_folder


class Company(dg.ConfigurableResource):
    """The declared model, as a resource."""

    path: str = Field(description="Folder with company.yaml")

    @classmethod
    def from_env(cls) -> "Company":
        """The company that CDP_MODEL names; the retailer example by default."""
        return cls(path=str(model_folder()))

    @property
    def model(self) -> Model:
        """The checked model; loaded once a process."""
        return load_model(Path(self.path))
