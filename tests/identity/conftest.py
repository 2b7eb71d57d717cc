"""A real lake in a temporary folder, and the identity stage as one call."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cdp_assets.identity import evidence as _  # noqa: F401  the package binds assets under module names
from cdp_model.identity import IdentitySettings
from cdp_resources.lake import Lake
from tests.identity.population import standardize


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))


@pytest.fixture
def resolve_people(lake: Lake) -> Callable[..., dict[str, int]]:
    """Run the whole stage over records (or over what is there); returns the changes of persons by kind."""

    def run(
        records: Iterable[Mapping[str, Any]] | None = None, run_id: str = "run", **settings: Any
    ) -> dict[str, int]:
        if records is not None:
            standardize(lake, records)
        return run_stage(lake, IdentitySettings(**settings), run_id)

    return run


def run_stage(lake: Lake, settings: IdentitySettings, run_id: str = "run") -> dict[str, int]:
    """Every table of the identity stage, in order, without Dagster."""
    from cdp_assets.identity.evidence import update_evidence
    from cdp_assets.identity.linkage_models import train_if_needed
    from cdp_assets.identity.links import update_links
    from cdp_assets.identity.persons import update
    from cdp_assets.identity.record_persons import update_persons

    update_evidence(lake, settings)
    train_if_needed(lake, settings)
    update_links(lake, settings)
    kinds = update_persons(lake, settings, run_id)
    update(lake)
    return kinds


def people(lake: Lake) -> set[frozenset[str]]:
    """The records of each person."""
    with lake.reading() as con:
        rows = con.execute("SELECT list(record_key) FROM lake.identity.record_persons GROUP BY person_id").fetchall()
    return {frozenset(keys) for (keys,) in rows}


def table(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with lake.reading() as con:
        return con.execute(query).fetchall()
