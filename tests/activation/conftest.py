"""Fixtures of the activation tests: a lake with people, and a receiver that can misbehave."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from activation_world import SECRET_ENV, MemoryLake, Person, QuickLake, World, model_with, quick_lake, webhook
from moody_receiver import SECRET, MoodyReceiver


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SECRET_ENV, SECRET)
    monkeypatch.setenv("CDP_HOME", str(tmp_path))


@pytest.fixture
def receiver() -> Iterator[MoodyReceiver]:
    """A running receiver."""
    with MoodyReceiver() as running:
        yield running
        running.released.set()


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickLake]:
    """One lake for all tests; `world` empties it."""
    made = quick_lake(tmp_path_factory.mktemp("lake"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def memory_lake() -> Iterator[QuickLake]:
    """The tables without a lake."""
    made = MemoryLake(catalog="sqlite:none", data_path="none")
    yield made
    made.close()


@pytest.fixture
def world(memory_lake: QuickLake, receiver: MoodyReceiver) -> World:
    """Five people who may all be sent, nothing sent yet."""
    return new_world(memory_lake, receiver)


@pytest.fixture
def lake_world(lake: QuickLake, receiver: MoodyReceiver) -> World:
    """The same in a real lake, for what depends on it."""
    return new_world(lake, receiver)


def new_world(lake: QuickLake, receiver: MoodyReceiver) -> World:
    """Five people who may all be sent, nothing sent yet."""
    lake.empty()
    people = {f"p{n}": Person(f"p{n}@x.org", first_name=f"Name{n}") for n in range(1, 6)}
    return World(lake, model_with(webhook(receiver.url)), people)
