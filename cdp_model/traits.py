"""The types of traits and segments: what is computed about people, and which of them belong together."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Aggregate = Literal[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "first",
    "last",
    "most_frequent",
    "count_distinct",
    "days_since_first",
    "days_since_last",
    "days_active",
]
NEEDS_VALUE = {"sum", "mean", "min", "max", "first", "last", "most_frequent", "count_distinct"}

Window = Annotated[str, StringConstraints(pattern=r"^([1-9]\d* days?|lifetime)$")]

EVENT_COLUMNS = {
    "event_id": "VARCHAR",
    "source": "VARCHAR",
    "event_name": "VARCHAR",
    "record_key": "VARCHAR",
    "device": "VARCHAR",
    "occurred_at": "TIMESTAMP WITH TIME ZONE",
    "received_at": "TIMESTAMP WITH TIME ZONE",
    "revenue": "DECIMAL(18,4)",
    "currency": "VARCHAR",
    "revenue_reporting": "DECIMAL(18,4)",
    "order_id": "VARCHAR",
    "product_id": "VARCHAR",
    "quantity": "DOUBLE",
    "properties": "JSON",
}
"""What a trait's `where` and `of` may use, with its type. `revenue_reporting` is in the company's currency."""

PERSON_COLUMNS = {
    "person_id": "VARCHAR",
    "records": "BIGINT",
    "sources": "VARCHAR[]",
    "household_id": "VARCHAR",
    "first_name": "VARCHAR",
    "last_name": "VARCHAR",
    "date_of_birth": "DATE",
    "gender": "VARCHAR",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    "street": "VARCHAR",
    "city": "VARCHAR",
    "region": "VARCHAR",
    "postal_code": "VARCHAR",
    "country": "VARCHAR",
    "first_seen": "TIMESTAMP WITH TIME ZONE",
    "last_seen": "TIMESTAMP WITH TIME ZONE",
    "as_of": "DATE",
}
"""What segments, syncs and `sql` traits may use beside traits. `as_of` is the day the answer is for."""


class ConsentTrait(BaseModel):
    """True where the person's latest statement grants it; a person nobody asked has not granted it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str
    channel: str


class Trait(BaseModel):
    """`traits.yaml`, one entry: a value computed for every person, for any day.

    Exactly one of `aggregate` (over events), `sql` (over the person and other traits) and `consent`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field(description="What the value means, with its unit")
    aggregate: Aggregate | None = Field(default=None, description="How the events become one value")
    events: list[str] = Field(default=[], description="Names of the events it looks at; empty: all")
    where: str | None = Field(default=None, description="Only events for which this is true")
    of: str | None = Field(default=None, description="The value of each event to aggregate")
    window: Window = Field(default="lifetime", description="`90 days` up to and including the day, or `lifetime`")
    default: float | int | str | bool | None = Field(default=None, description="Value of people without such events")
    sql: str | None = Field(default=None, description="An expression over person attributes and other traits")
    consent: ConsentTrait | None = Field(default=None, description="A consent as true or false")

    @model_validator(mode="after")
    def _one_kind(self) -> "Trait":
        kinds = [kind for kind in ("aggregate", "sql", "consent") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            said = " and ".join(kinds) or "none of them"
            raise ValueError(f"a trait has exactly one of aggregate, sql and consent; this one has {said}")
        if self.aggregate in NEEDS_VALUE and self.of is None:
            raise ValueError(f"aggregate `{self.aggregate}` needs `of`: the value of each event to aggregate")
        if self.aggregate is None and (self.events or self.where or self.of):
            raise ValueError("`events`, `where` and `of` belong to a trait with `aggregate`")
        return self

    @property
    def window_days(self) -> int | None:
        """Length of the window in days; None for a lifetime."""
        return None if self.window == "lifetime" else int(self.window.split()[0])


Condition = "str | Group"


class Group(BaseModel):
    """Conditions together: every one of `all`, at least one of `any`, and not one of `none`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: list["str | Group"] = Field(default=[], description="Each must be true")
    any: list["str | Group"] = Field(default=[], description="At least one must be true")
    none: list["str | Group"] = Field(default=[], description="None may be true")

    @model_validator(mode="after")
    def _not_empty(self) -> "Group":
        if not (self.all or self.any or self.none):
            raise ValueError("no conditions: give at least one under all, any or none")
        return self


class Segment(Group):
    """`segments/*.yaml`, one entry: which people are in it.

    A condition is an SQL expression over person attributes and traits. Unknown (null) counts as not true.
    """

    description: str = Field(description="Who they are, in words")
    owner: str | None = Field(default=None, description="Who answers for it, if not the company's owner")
    expected_size: tuple[int, int] | None = Field(
        default=None, description="Smallest and largest size that is plausible"
    )
    expires: dt.date | None = Field(default=None, description="Last day on which it is computed")
