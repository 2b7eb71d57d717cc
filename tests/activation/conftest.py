"""Fixtures of the activation tests: a lake with people, and a receiver that can misbehave."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from activation_world import (
    ENGINES,
    SECRET,
    SECRET_ENV,
    MoodyReceiver,
    Person,
    World,
    model_with,
    quick_lake,
    webhook,
)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_ENV, SECRET)


@pytest.fixture()
def receiver() -> Iterator[MoodyReceiver]:
    """A running receiver."""
    with MoodyReceiver() as running:
        yield running
        running.released.set()


@pytest.fixture()
def world(tmp_path: Path, receiver: MoodyReceiver) -> Iterator[World]:
    """Five people who may all be sent, nothing sent yet."""
    lake = quick_lake(tmp_path)
    people = {f"p{n}": Person(f"p{n}@x.org", first_name=f"Name{n}") for n in range(1, 6)}
    yield World(lake, model_with(webhook(receiver.url)), people)
    engine = ENGINES.pop(lake.catalog, None)
    if engine:
        engine.close()
