"""A real lake in a temporary folder, and the identity stage as one call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from identity_population import population, quick_lake, run_stage, standardize

from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with quick_lake(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake whose population is resolved; for tests that leave its records alone."""
    with quick_lake(tmp_path_factory.mktemp("populated")) as opened:
        standardize(opened, population())
        run_stage(opened, IdentitySettings())
        yield opened


@pytest.fixture
def resolve_people(lake: Lake) -> Callable[..., dict[str, int]]:
    """Run the whole stage over records (or over what is there); returns the changes of persons by kind."""

    def run(records: Iterable[Mapping[str, Any]] | None = None, run_id: str = "run", **settings: Any) -> dict[str, int]:
        if records is not None:
            standardize(lake, records)
        return run_stage(lake, IdentitySettings(**settings), run_id)

    return run
