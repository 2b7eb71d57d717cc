"""The declared streams that the collector writes, with their keys from the environment and their file names."""

import datetime as dt
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from cdp_model import Model
from cdp_model.collecting import SegmentCalls
from cdp_model.sources import Stream
from cdp_resources.environment import landing_of


class NotReady(Exception):
    """The collector can't start; the message says what to set."""


@dataclass(frozen=True)
class CollectedStream:
    """One stream, and where what is sent to it goes."""

    source: str
    name: str
    key: str
    folder: Path
    file_pattern: str
    timezone: ZoneInfo

    @property
    def label(self) -> str:
        return f"{self.source}/{self.name}"

    def day(self, now: dt.datetime) -> dt.date:
        """The partition that something received ``now`` belongs to."""
        return now.astimezone(self.timezone).date()

    def new_file(self, now: dt.datetime) -> Path:
        """A path that no other process and no other call gives."""
        once = f"T{now.astimezone(dt.UTC):%H%M%S}Z-{secrets.token_hex(4)}"
        return self.folder / self.file_pattern.replace("{date}", str(self.day(now))).replace("*", once)


@dataclass(frozen=True)
class Streams:
    """Who may send: segment streams by write key, webhooks by `source/stream`."""

    by_write_key: Mapping[str, CollectedStream]
    webhooks: Mapping[str, CollectedStream]

    def all(self) -> list[CollectedStream]:
        return [*self.by_write_key.values(), *self.webhooks.values()]


def collected_streams(model: Model) -> Streams:
    """The streams with `collect`. Raises ``NotReady`` for a missing key, or a landing folder that is not local."""
    landing = landing_of(model.company)
    if "://" in landing:
        raise NotReady(
            f"the collector writes to a local disk, and the landing folder is {landing}: run it with CDP_LANDING set "
            "to a folder, and copy its files from there"
        )
    by_write_key: dict[str, CollectedStream] = {}
    webhooks: dict[str, CollectedStream] = {}
    for source, name, stream in model.streams():
        if stream.collect is None:
            continue
        collected = _collected(model, source.name, name, stream, Path(landing).absolute())
        if not isinstance(stream.collect, SegmentCalls):
            webhooks[collected.label] = collected
        elif (other := by_write_key.setdefault(collected.key, collected)) is not collected:
            raise NotReady(
                f"sources/{source.name}.yaml: {stream.collect.key_env} is also the key of {other.label}: "
                "each stream needs its own"
            )
    if not by_write_key and not webhooks:
        raise NotReady("no stream has `collect`: see docs/collector.md")
    return Streams(by_write_key, webhooks)


def _collected(model: Model, source: str, name: str, stream: Stream, landing: Path) -> CollectedStream:
    assert stream.collect
    variable = stream.collect.key_env if isinstance(stream.collect, SegmentCalls) else stream.collect.secret_env
    key = os.environ.get(variable)
    if not key:
        raise NotReady(f"sources/{source}.yaml: stream `{name}` needs the environment variable {variable}")
    pattern = landing / stream.files
    return CollectedStream(source, name, key, pattern.parent, pattern.name, ZoneInfo(model.company.timezone))
