"""The types of what a stream takes in over HTTP, through the collector."""

from typing import Annotated, Literal

from pydantic import Field

from cdp_model.declared import Declared, Variable

REFUSED, REFUSED_LINE = "_refused", "_refused_line"
"""Keys of a line that the collector kept of what it could not use: the reason, and what was sent."""


class SegmentCalls(Declared):
    """Calls of Segment's HTTP API, as its SDKs and those of RudderStack send them."""

    type: Literal["segment"]
    key_env: Variable = Field(description="Name of the environment variable with the write key that senders give")


class SignedWebhooks(Declared):
    """Webhooks signed as Standard Webhooks prescribes, posted to `/webhooks/<source>/<stream>`."""

    type: Literal["webhook"]
    secret_env: Variable = Field(description="Name of the environment variable with the sender's secret (whsec_…)")


Collected = Annotated[SegmentCalls | SignedWebhooks, Field(discriminator="type")]


def file_mistake(files: str, file_format: str) -> str | None:
    """What is wrong with a pattern that the collector shall write to, if anything."""
    folder, _, name = files.rpartition("/")
    if file_format != "ndjson" or not name.endswith(".ndjson"):
        return "the collector writes `format: ndjson` to files that end in `.ndjson`"
    if "{date}*" not in name or files.count("*") > 1 or "{" in folder:
        return "the collector needs one `{date}*` in the name of the file, such as app/{date}*.ndjson"
    return None
