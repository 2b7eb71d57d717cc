"""Collectors for tests: real processes, ended with the module that started them."""

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.server.collector_process import CollectorProcess, new_home


@pytest.fixture(scope="module")
def start_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., CollectorProcess]]:
    """Starts collectors, each with a home of its own."""
    started = []

    def start(**environment: str) -> CollectorProcess:
        collector = CollectorProcess(new_home(tmp_path_factory.mktemp("collector")), environment=environment)
        started.append(collector)
        collector.start()
        return collector

    yield start
    for collector in started:
        collector.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """One that the tests of a module share."""
    return start_collector()
