"""The type of what is expected of a stream's arrival: how often rows come, and how many."""

from pydantic import Field, model_validator

from cdp_model.behaviour import Duration
from cdp_model.declared import Declared


class Arrivals(Declared):
    """When rows of a stream are missed, and how many a day has. What is left out is learned from its history."""

    within: Duration | None = Field(
        default=None, description="New rows come at least this often, such as `30 minutes` or `2 days`"
    )
    rows: tuple[int, int] | None = Field(default=None, description="Fewest and most rows of a day, both included")
    watched: bool = Field(default=True, description="`false`: neither is checked")

    @model_validator(mode="after")
    def _in_order(self) -> "Arrivals":
        if self.rows and not 0 <= self.rows[0] <= self.rows[1]:
            raise ValueError("the fewest `rows` come first, then the most")
        return self
