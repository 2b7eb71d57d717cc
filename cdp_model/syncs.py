"""The types of destinations and syncs: who is told what, and under which consent."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebhookDestination(_Declared):
    """HTTP requests signed as Standard Webhooks prescribes, with a batch of rows each."""

    type: Literal["webhook"]
    description: str = ""
    url: str = Field(description="Where to post. `${VARIABLE:-default}` is expanded")
    secret_env: str = Field(
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="Name of the environment variable with the signing secret (whsec_…)",
    )
    batch_size: int = Field(default=500, ge=1, le=10_000, description="Rows a request")
    timeout_seconds: float = Field(default=30, gt=0)
    max_attempts: int = Field(default=5, ge=1, description="Attempts a request before its rows wait for the next run")


class FileDestination(_Declared):
    """Files of rows in a folder or object store: one file a run, with adds, updates and removals."""

    type: Literal["file"]
    description: str = ""
    folder: str = Field(description="Folder or s3:// URL. `${VARIABLE:-default}` is expanded")
    format: Literal["csv", "ndjson"] = "csv"
    batch_size: int = Field(default=50_000, ge=1, description="Rows a file")


DestinationSettings = Annotated[WebhookDestination | FileDestination, Field(discriminator="type")]


class RequiredConsent(_Declared):
    """The consent that a person must have given for a sync to include them."""

    purpose: str
    channel: str


class Sync(_Declared):
    """`syncs/*.yaml`, one entry: keeps a destination equal to a segment, or to all profiles."""

    description: str
    segment: str | None = Field(default=None, description="Who is sent; leave out for every profile")
    destination: str = Field(description="A name from destinations.yaml")
    mode: Literal["mirror", "upsert"] = Field(
        default="mirror",
        description="`mirror` removes who left, `upsert` keeps them. Both remove who withdrew the consent, was erased, "
        "or is there under another key now",
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
