"""The types of traits and segments: what is computed about people, and which of them belong together."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from cdp_model.behaviour import KINDS, Did, DidNot, First, In, Last, NotIn, Sequence, listed
from cdp_model.declared import Declared
from cdp_model.survivorship import RECORD_ATTRIBUTES
from cdp_model.windows import Window, days_of_window

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
    "distinct",
    "ratio",
    "days_since_first",
    "days_since_last",
    "days_active",
    "days_between",
    "longest_streak",
    "current_streak",
]
NEEDS_VALUE = {
    *("sum", "mean", "min", "max", "first", "last", "most_frequent", "count_distinct", "distinct", "ratio"),
}
DAYS_SINCE = {"days_since_first", "days_since_last"}
ZERO_WITHOUT_EVENTS = {"count", "count_distinct", "days_active", "longest_streak", "current_streak"}

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
"""The columns of an event, with their types. `revenue_reporting` is in the company's currency."""

RECORDED_EVENT_COLUMNS = {name: kind for name, kind in EVENT_COLUMNS.items() if name != "revenue_reporting"}
"""Those that a source says. The other hangs on exchange rates, which may come later than the event."""

MOMENT_COLUMNS = {"day": "DATE", "hour": "BIGINT", "weekday": "VARCHAR"}
"""When an event happened on the company's clock: the hour from 0 to 23, the weekday in English."""

TRAIT_EVENT_COLUMNS = EVENT_COLUMNS | MOMENT_COLUMNS
"""What a trait's `where` and `of` may use."""

PERSON_COLUMNS = {
    "person_id": "VARCHAR",
    "records": "BIGINT",
    "sources": "VARCHAR[]",
    "household_id": "VARCHAR",
    **RECORD_ATTRIBUTES,
    "first_seen": "TIMESTAMP WITH TIME ZONE",
    "last_seen": "TIMESTAMP WITH TIME ZONE",
    "as_of": "DATE",
}
"""What segments, syncs and `sql` traits may use beside traits. `as_of` is the day the answer is for."""


class ConsentTrait(Declared):
    """True where the person's latest statement grants it; a person nobody asked has not granted it."""

    purpose: str
    channel: str


class Score(Declared):
    """Where a person stands among all who have a value: people in `bins` groups of equal size, 1 the worst.

    Of n people, one with k worse values has the score 1 + floor(bins * k / n): equal values have equal scores.
    """

    of: str = Field(description="A trait, or a column of a prediction")
    bins: int = Field(default=5, ge=2, le=100, description="How many groups; 100 for percentiles")
    best: Literal["highest", "lowest"] = Field(default="highest", description="Which values score highest")
    among: str | None = Field(default=None, description="Only people for whom this is true are ranked and have a score")


class Trait(Declared):
    """`traits.yaml`, one entry: a value computed for every person, for any day.

    Exactly one of `aggregate` (over events), `sql` (over the person and other traits), `score` (of a trait, among all
    people) and `consent`.
    """

    description: str = Field(description="What the value means, with its unit")
    aggregate: Aggregate | None = Field(default=None, description="How the events become one value")
    events: list[str] = Field(default=[], description="Names of the events it looks at; empty: all")
    where: str | None = Field(default=None, description="Only events for which this is true")
    of: str | None = Field(default=None, description="The value of each event to aggregate")
    window: Window = Field(
        default="lifetime",
        description="`90 days` up to and including the day; `this` or `last` `week`, `month`, `quarter` or `year`, "
        "where weeks begin on Monday; or `lifetime`",
    )
    since: str | None = Field(default=None, description="Only events after the person's latest event of this name")
    until: str | None = Field(
        default=None,
        description="Only events before the person's first event of this name; with `since`, the first after that one",
    )
    default: float | int | str | bool | None = Field(default=None, description="Value of people without such events")
    sql: str | None = Field(default=None, description="An expression over person attributes and other traits")
    score: Score | None = Field(default=None, description="Where the person stands among all, by a trait")
    consent: ConsentTrait | None = Field(default=None, description="A consent as true or false")

    @model_validator(mode="after")
    def _one_kind(self) -> "Trait":
        kinds = [kind for kind in ("aggregate", "sql", "score", "consent") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            said = " and ".join(kinds) or "none of them"
            raise ValueError(f"a trait has exactly one of aggregate, sql, score and consent; this one has {said}")
        if self.aggregate in NEEDS_VALUE and self.of is None:
            raise ValueError(f"aggregate `{self.aggregate}` needs `of`: the value of each event to aggregate")
        if self.aggregate is None and (self.events or self.where or self.of or self.since or self.until):
            raise ValueError("`events`, `where`, `of`, `since` and `until` belong to a trait with `aggregate`")
        return self

    @property
    def derived(self) -> bool:
        """Whether it is made from other columns of people, and not from events or consents."""
        return bool(self.sql or self.score)

    def days(self, as_of: dt.date) -> tuple[dt.date | None, dt.date]:
        """First and last day of the window as of a day, both included; None: from the beginning."""
        return days_of_window(self.window, as_of)


def kind_of(condition: Any) -> str | None:
    """Which kind of condition a declared value is meant to be, by its keys; None: it cannot be one."""
    if isinstance(condition, Group):
        return "group"
    if isinstance(condition, Mapping):
        return next((key for key in KINDS if key in condition), "group")
    if isinstance(condition, str):
        return "expression"
    return next((key for key, kind in KINDS.items() if isinstance(condition, kind)), None)


Condition = Annotated[
    Annotated[str, Tag("expression")]
    | Annotated["Group", Tag("group")]
    | Annotated[Did, Tag("did")]
    | Annotated[DidNot, Tag("did_not")]
    | Annotated[First, Tag("first")]
    | Annotated[Last, Tag("last")]
    | Annotated[Sequence, Tag("sequence")]
    | Annotated[In, Tag("in")]
    | Annotated[NotIn, Tag("not_in")],
    Discriminator(
        kind_of,
        custom_error_type="condition",
        custom_error_message="must be a text or a mapping of keys to values",
    ),
]


class Group(Declared):
    """Conditions together: every one of `all`, at least one of `any`, and not one of `none`."""

    all: list[Condition] = Field(default=[], description="Each must be true")
    any: list[Condition] = Field(default=[], description="At least one must be true")
    none: list[Condition] = Field(default=[], description="None may be true")

    @model_validator(mode="after")
    def _not_empty(self) -> "Group":
        if not (self.all or self.any or self.none):
            raise ValueError("no conditions: give at least one under all, any or none")
        return self


class Holdout(Declared):
    """People who are kept out by chance, to compare with: always the same ones for one salt."""

    share: float = Field(gt=0, lt=1, description="How large a part of the people, such as 0.1")
    salt: str = Field(description="Segments with the same salt keep the same people out")


class Split(Declared):
    """A part of the people by chance: those who stand between two shares of a line that is shuffled by the salt."""

    model_config = ConfigDict(populate_by_name=True)

    from_: float = Field(alias="from", ge=0, lt=1, description="Where the part begins, such as 0")
    to: float = Field(gt=0, le=1, description="Where it ends, such as 0.5")
    salt: str = Field(description="Parts that share no range of one salt share nobody")

    @model_validator(mode="after")
    def _in_order(self) -> "Split":
        if self.to <= self.from_:
            raise ValueError("`to` must be more than `from`")
        return self


class Segment(Group):
    """`segments/*.yaml`, one entry: which people are in it.

    A condition is an SQL expression over person attributes and traits, or says what they did (`did`, `did_not`,
    `first`, `last`, `sequence`), or names another segment (`in`, `not_in`), or has conditions of its own (`all`, `any`,
    `none`). Unknown (null) counts as not true.
    """

    description: str = Field(description="Who they are, in words")
    owner: str | None = Field(default=None, description="Who answers for it, if not the company's owner")
    expected_size: tuple[int, int] | None = Field(
        default=None, description="Smallest and largest size that is plausible"
    )
    max_jump: float = Field(
        default=2,
        gt=1,
        le=1000,
        description="Its syncs stop and ask when it has more than so many times the people of any of its last 28 days, "
        "or less than such a part of them",
    )
    formerly: Annotated[list[str], BeforeValidator(listed, json_schema_input_type=str | list[str])] = Field(
        default=[], description="Names that it had before, the oldest first: their history is its own"
    )
    expires: dt.date | None = Field(default=None, description="Last day on which it is computed")
    priority_list: str | None = Field(
        default=None, description="Of the segments with the same list a person is in the first that fits, by `rank`"
    )
    rank: int | None = Field(default=None, description="Place in its priority list: the lowest comes first")
    split: Split | None = Field(default=None, description="Only a part of the people, by chance")
    holdout: Holdout | None = Field(default=None, description="A part of the people is kept out, by chance")
    cap: int | None = Field(
        default=None, ge=1, description="At most so many people, by chance, but the same from day to day"
    )

    def expired(self, day: dt.date) -> bool:
        """Whether nobody is in it any more on a day."""
        return self.expires is not None and self.expires < day

    @model_validator(mode="after")
    def _ranked(self) -> "Segment":
        if (self.priority_list is None) != (self.rank is None):
            raise ValueError("`priority_list` and `rank` belong together")
        return self
