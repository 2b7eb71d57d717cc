"""The types of the tracking plan: which events are meant to come, what they hold, and what happens when they do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from cdp_model.declared import Declared
from cdp_model.documents import KeyPath
from cdp_model.event_schemas import Action, Rule, rules_of
from cdp_model.names import Name, Owner

SCHEMA_VERSION = r"^[1-9]\d*-\d+-\d+$"
SchemaVersion = Annotated[str, Field(pattern=SCHEMA_VERSION)]
Unplanned = Literal["allow", "report", "quarantine"]


def plain(value: Any) -> Any:
    """YAML as JSON has it: without the line marks that a document keeps."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


class PlannedEvent(Declared):
    """One event, and what its properties may be."""

    description: str = Field(default="", description="When it is sent")
    owner: Owner | None = Field(default=None, description="Who answers for it, if not the owner of the plan")
    version: SchemaVersion = Field(
        default="1-0-0",
        description="SchemaVer: MODEL-REVISION-ADDITION. Another version of the event stands in another file",
    )
    on_violation: Action = Field(
        default="report",
        description="What a violation does, where `x-on-violation` does not say otherwise: `report` keeps the event as "
        "it is, `drop` keeps it without the property, `quarantine` keeps it out until plan or mapping is mended",
    )
    schema_: Annotated[dict[str, Any], BeforeValidator(plain)] = Field(
        default={}, alias="schema", description="JSON Schema of the event's properties"
    )

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts versions: 1-0-10 is after 1-0-9."""
        return tuple(int(part) for part in self.version.split("-"))


class Plan(Declared):
    """`tracking_plan/*.yaml`: the events that some sources are meant to send."""

    description: str = Field(default="", description="What the plan is for")
    owner: Owner | None = Field(default=None, description="Who answers for its events")
    sources: list[Name] = Field(min_length=1, description="The sources whose events it speaks of")
    unplanned: Unplanned | None = Field(
        default=None,
        description="What happens to events of these sources that no plan has: `allow`, `report` (the default) or "
        "`quarantine`. Plans of one source agree on it",
    )
    events: dict[str, PlannedEvent] = Field(min_length=1, description="The events, by their names")

    def place(self, event: str) -> KeyPath:
        """Where the schema of an event stands in its file."""
        return ("events", event, "schema")


class SchemaFile(Plan):
    """`tracking_plan/*.json`: one event as a JSON Schema file, with what a plan says in keywords of its own."""

    def place(self, event: str) -> KeyPath:  # noqa: ARG002 - the file has one event
        """The file itself is the schema."""
        return ()


class SchemaFileKeys(BaseModel):
    """What a JSON Schema file says beside the schema. `self` is that of Iglu's self-describing schemas."""

    title: str = Field(description="Name of the event")
    description: str = ""
    self_: dict[str, Any] = Field(default={}, alias="self")
    version: SchemaVersion | None = None
    x_owner: Owner | None = Field(default=None, alias="x-owner")
    x_sources: list[Name] = Field(alias="x-sources", min_length=1)


FILE_KEYS = {"self", "version", "x-owner", "x-sources"}


def schema_file(keys: SchemaFileKeys, content: Mapping[str, Any]) -> SchemaFile:
    """The plan that a JSON Schema file is. Raises pydantic's ``ValidationError``."""
    event = PlannedEvent(
        description=keys.description,
        version=keys.version or keys.self_.get("version", "1-0-0"),
        schema={key: value for key, value in content.items() if key not in FILE_KEYS},
    )
    return SchemaFile(owner=keys.x_owner, sources=keys.x_sources, events={keys.title: event})


@dataclass(frozen=True)
class PlannedVersion:
    """One version of one event, with its rules."""

    event: str
    version: str
    latest: bool
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class SourcePlan:
    """All that plans say of one source."""

    unplanned: Unplanned
    events: tuple[PlannedVersion, ...]


def plan_of(plans: Mapping[str, Plan], source: str) -> SourcePlan | None:
    """What the plans together say of a source; None when none of them speaks of it."""
    mine = [plan for plan in plans.values() if source in plan.sources]
    if not mine:
        return None
    found = [(name, event) for plan in mine for name, event in plan.events.items()]
    newest = dict(sorted(found, key=lambda pair: pair[1].order))
    return SourcePlan(
        next((plan.unplanned for plan in mine if plan.unplanned), "report"),
        tuple(
            PlannedVersion(
                name, event.version, newest[name] is event, tuple(rules_of(event.schema_, event.on_violation))
            )
            for name, event in found
        ),
    )
