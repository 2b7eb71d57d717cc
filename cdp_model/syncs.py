"""The types of destinations and syncs: who is told what, and under which consent."""

import math
from typing import Annotated, Any, ClassVar, Literal, Union, get_args

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from cdp_model.declared import Declared

Mode = Literal["mirror", "upsert", "full_refresh", "append_events"]
STATES: tuple[Mode, ...] = ("mirror", "upsert", "full_refresh")
"""Modes after which a destination holds people, rather than what happened to them."""


class MatchWeight(Declared):
    """A certainty given as Splink gives it: the binary logarithm of the odds."""

    match_weight: float = Field(description="Of the weakest link that holds a person's records together")


Certainty = Annotated[float, Field(gt=0, lt=1)] | MatchWeight
"""How certain it must be that a person's records are one person: a probability between 0 and 1, or a match weight."""


def weight_of(certainty: Certainty) -> float:
    """The match weight of a certainty; w = log2(p / (1 - p)), as in Splink."""
    return certainty.match_weight if isinstance(certainty, MatchWeight) else math.log2(certainty / (1 - certainty))


class DestinationSettings(Declared):
    """`destinations.yaml`, one entry: somewhere that syncs send to.

    A kind of destination is a subclass with a literal `type`, declared beside the code that talks to it: importing
    `cdp_resources.destinations` makes them all known.
    """

    kinds: ClassVar[dict[str, type["DestinationSettings"]]] = {}
    takes: ClassVar[frozenset[str] | None] = None
    """Fields that a sync may map; None where the destination takes any."""

    type: str
    description: str = Field(default="", description="What it is, in words")
    batch_size: int = Field(ge=1, description="Rows a request")
    min_certainty: Certainty | None = Field(
        default=None, description="People whose records are less certainly one person than this are sent by no sync"
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for name in get_args(cls.model_fields["type"].annotation):
            DestinationSettings.kinds[name] = cls

    def supported_modes(self) -> tuple[str, ...]:
        """Modes of syncs that it can carry out."""
        return STATES


class AnyDestination:
    """For pydantic: the kind of destination that `type` names, among those known when it is asked."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if not DestinationSettings.kinds:
            raise RuntimeError("no kind of destination is known yet: import cdp_resources.destinations first")
        kinds: Any = Union[tuple(DestinationSettings.kinds.values())]  # noqa: UP007 - made of a tuple
        return handler.generate_schema(Annotated[kinds, Field(discriminator="type")])


class RequiredConsent(Declared):
    """The consent that a person must have given for a sync to include them."""

    purpose: str
    channel: str


class Sync(Declared):
    """`syncs/*.yaml`, one entry: keeps a destination equal to a segment, or to all profiles."""

    description: str
    segment: str | None = Field(default=None, description="Who is sent; leave out for every profile")
    destination: str = Field(description="A name from destinations.yaml")
    mode: Mode = Field(
        default="mirror",
        description="`mirror` removes who left, `upsert` keeps them. Both remove who withdrew the consent, was erased, "
        "or is there under another key now. `full_refresh` mirrors, and sends every row in every run. `append_events` "
        "sends that a person entered or exited, each once",
    )
    consent: RequiredConsent | None = Field(
        description="Consent that each person must have given; `null` only with a `legal_basis`"
    )
    legal_basis: str | None = Field(default=None, description="Why no consent is needed, where `consent` is null")
    key: str = Field(description="Expression: by what the destination knows the person. Null: not sent")
    fields: dict[str, str] = Field(min_length=1, description="Field of the destination → expression over the profile")
    max_removal_share: float = Field(
        default=0.3, ge=0, le=1, description="A run that would remove a larger share than this stops and asks"
    )
    min_certainty: Certainty | None = Field(
        default=None,
        description="How certain it must be that a person's records are one person: a probability such as 0.99, or "
        "`{match_weight: 10}`. Of this and the destination's the stricter holds",
    )
    max_wait_days: int = Field(
        default=3, ge=1, description="A row that is not taken for so long, while others are, counts as refused"
    )
