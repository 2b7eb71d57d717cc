"""What every declared type is built on."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

VARIABLE = r"^[A-Z][A-Z0-9_]*$"
Variable = Annotated[str, StringConstraints(pattern=VARIABLE)]
"""Name of an environment variable: secrets stand there and nowhere else."""


class Declared(BaseModel):
    """Unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
