"""The types of a declared company. Field descriptions are the reference: `cdp schema` publishes them to editors."""

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cdp_model.declared import Declared
from cdp_model.identity import IdentitySettings
from cdp_model.names import Name, Owner
from cdp_model.predictions import Prediction
from cdp_model.sources import Source, Stream
from cdp_model.survivorship import ProfileSettings
from cdp_model.syncs import DestinationSettings, Sync
from cdp_model.tracking_plan import Plan
from cdp_model.traits import Segment, Trait

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _timezone_exists(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone, such as Europe/Berlin") from error
    return name


class CompanySettings(Declared):
    """`company.yaml`: who this is, and what holds for all of it."""

    name: Name = Field(description="Short name of the company")
    description: str = Field(default="", description="One line about it")
    owner: Owner = Field(description="Who answers for the data: an e-mail address, or `team:name`")
    timezone: Annotated[str, AfterValidator(_timezone_exists)] = Field(
        default="UTC", description="Days, and so partitions, begin at midnight here (IANA name)"
    )
    currency: Currency = Field(default="EUR", description="Reporting currency (ISO 4217)")
    exchange_rates: dict[Currency, Rate] = Field(
        default={},
        description="What one unit of another currency is worth in the reporting currency, on days for which no "
        "stream has given a rate yet",
    )
    start_date: dt.date = Field(description="First day with data: the first daily partition")
    end_date: dt.date | None = Field(
        default=None,
        description="Last daily partition, for a closed data set. Leave out for a living company",
    )
    landing: str = Field(
        default="${CDP_HOME:-.cdp}/landing",
        description="Folder or object-storage URL where extracts land. `${VARIABLE:-default}` is expanded; "
        "CDP_LANDING overrides it",
    )

    @model_validator(mode="after")
    def _days_in_order(self) -> "CompanySettings":
        if self.end_date and self.end_date < self.start_date:
            raise ValueError("`end_date` is before `start_date`")
        return self


class Model(Declared):
    """Everything that one company has declared."""

    company: CompanySettings
    sources: dict[Name, Source]
    identity: IdentitySettings = IdentitySettings()
    profiles: ProfileSettings = ProfileSettings()
    traits: dict[Name, Trait] = Field(default={})
    predictions: dict[Name, Prediction] = Field(default={})
    segments: dict[Name, Segment] = Field(default={})
    destinations: dict[Name, DestinationSettings] = Field(default={})
    syncs: dict[Name, Sync] = Field(default={})
    tracking_plan: dict[str, Plan] = Field(default={})

    def streams(self) -> list[tuple[Source, str, Stream]]:
        """Every stream with its source and name, in declared order."""
        return [(source, name, stream) for source in self.sources.values() for name, stream in source.streams.items()]

    @property
    def has_dated_rates(self) -> bool:
        """Whether a stream gives exchange rates."""
        return any(stream.exchange_rates for _, _, stream in self.streams())
