"""A real lake in a temporary folder, and the identity stage as one call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from identity_population import run_stage, standardize

from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake


class OneEngineLake(Lake):
    """The same lake over one engine: loading extensions for every connection is most of a small test."""

    _engine: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def get_connection(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._engine is None:
            object.__setattr__(self, "_engine", duckdb.connect(":memory:"))
            assert self._engine
            self._attach(self._engine, read_only=False)
        with self._engine.cursor() as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    quick = OneEngineLake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    yield quick
    if quick._engine:
        quick._engine.close()


@pytest.fixture
def resolve_people(lake: Lake) -> Callable[..., dict[str, int]]:
    """Run the whole stage over records (or over what is there); returns the changes of persons by kind."""

    def run(records: Iterable[Mapping[str, Any]] | None = None, run_id: str = "run", **settings: Any) -> dict[str, int]:
        if records is not None:
            standardize(lake, records)
        return run_stage(lake, IdentitySettings(**settings), run_id)

    return run
