"""The types of conditions about what people did, and about other segments, as they stand inline in a segment."""

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from cdp_model.declared import Declared
from cdp_model.windows import Window

DURATION = r"^[1-9]\d* (minute|hour|day|week)s?$"
Duration = Annotated[str, StringConstraints(pattern=DURATION)]
SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class _Written(Declared):
    """Prints as it was written, on one line, so that a reason or an explanation can quote it."""

    model_config = ConfigDict(populate_by_name=True)

    def __str__(self) -> str:
        written = _written(self.model_dump(mode="json", by_alias=True, exclude_unset=True))
        return re.sub(r"^\{(.*)\}$", r"\1", written, flags=re.DOTALL)


class Counted(_Written):
    """How often which events happened: between `at_least` and `at_most` times."""

    events: list[str] = Field(min_length=1, description="Names of the events")
    where: str | None = Field(default=None, description="Only events for which this is true")
    at_least: int = Field(default=1, ge=0, description="So many of them or more")
    at_most: int | None = Field(default=None, ge=0, description="So many of them or fewer")
    window: Window = Field(
        default="lifetime",
        description="`90 days` up to and including the day; `this` or `last` `week`, `month`, `quarter` or `year`; or "
        "`lifetime`",
    )
    since: dt.date | None = Field(default=None, description="First day on which they count")
    until: dt.date | None = Field(default=None, description="Last day on which they count")

    @model_validator(mode="after")
    def _possible(self) -> "Counted":
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"nobody has at least {self.at_least} and at most {self.at_most}")
        if self.at_least == 0 and self.at_most is None:
            raise ValueError("everybody has done it at least 0 times: give `at_most`, or more for `at_least`")
        if self.since and self.until and self.until < self.since:
            raise ValueError("`until` is before `since`")
        return self


class Did(_Written):
    """They did something."""

    did: Counted = Field(description="Which events, how often, when")


class DidNot(_Written):
    """They did not do it: the opposite of `did`."""

    did_not: Counted = Field(description="Which events, how often, when")


class Moment(_Written):
    """When one of these events happened for the first time, or for the last time up to the day."""

    events: list[str] = Field(min_length=1, description="Names of the events")
    where: str | None = Field(default=None, description="Only events for which this is true")
    window: Window = Field(default="lifetime", description="It was in this window, as in `did`")
    since: dt.date | None = Field(default=None, description="It was on this day or later")
    until: dt.date | None = Field(default=None, description="It was on this day or earlier")

    @model_validator(mode="after")
    def _says_when(self) -> "Moment":
        if self.window == "lifetime" and not (self.since or self.until):
            raise ValueError("when is it? Give `window`, `since` or `until`; that it ever was is what `did` says")
        if self.since and self.until and self.until < self.since:
            raise ValueError("`until` is before `since`")
        return self


class First(_Written):
    """When they did something for the first time."""

    first: Moment = Field(description="Which events, and when the first of them was")


class Last(_Written):
    """When they did something for the last time up to the day."""

    last: Moment = Field(description="Which events, and when the last of them was")


def listed(value: Any) -> Any:
    """One text as a list of it."""
    return [value] if isinstance(value, str) else value


class Step(_Written):
    """One step of a sequence: something that happened, or with `not` something that did not."""

    events: list[str] = Field(default=[], description="One of these events, after the step before")
    not_: Annotated[list[str], BeforeValidator(listed, json_schema_input_type=str | list[str])] = Field(
        default=[], alias="not", description="None of these events (a name or several) after the step before"
    )
    where: str | None = Field(default=None, description="Only events for which this is true")
    within: Duration | None = Field(
        default=None,
        description="So soon after the step before: `30 minutes`, `12 hours`, `2 days` (of 24 hours), `1 week`. "
        "A `not` is true when this time is over; without it, while no such event has come",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "Step":
        if bool(self.events) == bool(self.not_):
            raise ValueError("a step has either `events` or `not`")
        return self

    @property
    def seconds(self) -> int | None:
        """``within``, in seconds."""
        if self.within is None:
            return None
        number, unit = self.within.split()
        return int(number) * SECONDS[unit.removesuffix("s")]


class Sequence(_Written):
    """They did one thing after another. True when there is any way to find the steps among their events, in order."""

    sequence: list[Step] = Field(min_length=2, description="The steps, in order")
    window: Window = Field(default="lifetime", description="Only events of these days are steps")

    @model_validator(mode="after")
    def _begins_with_an_event(self) -> "Sequence":
        if self.sequence[0].not_ or self.sequence[0].within:
            raise ValueError("the first step has `events`, and no `within`: there is nothing before it")
        return self


class In(_Written):
    """They are in another segment on that day."""

    in_: str = Field(alias="in", description="Name of the other segment")


class NotIn(_Written):
    """They are not in another segment on that day."""

    not_in: str = Field(description="Name of the other segment")


Events = Did | DidNot | First | Last | Sequence
"""What looks at events."""

Behaviour = Events | In | NotIn
KINDS: dict[str, type[BaseModel]] = {
    **{"did": Did, "did_not": DidNot, "first": First, "last": Last},
    **{"sequence": Sequence, "in": In, "not_in": NotIn},
}
"""The key by which each kind is known."""


def _written(value: Any) -> str:
    """A value as YAML has it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
