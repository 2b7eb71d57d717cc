"""A small company on a real lake whose events are there already, and runs of its assets from traits to segments."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from conftest import day

import cdp_assets
from cdp_model import load_model
from cdp_resources.company import Company
from cdp_resources.lake import Lake
from tests.profiles.conftest import make_tables
from tests.small_company import COMPANY, SHOP

DAYS = 110
SELECTED = dg.AssetSelection.groups("predictions", "segments") | dg.AssetSelection.assets(
    ["profiles", "traits"], ["profiles", "profiles"]
)


@dataclass
class World:
    """A company whose events are there already."""

    folder: Path
    lake: Lake

    def run(self, **config: Any) -> dg.ExecuteInProcessResult:
        """Materialize traits, predictions, profiles and the segments of the last day."""
        company, last = Company(path=str(self.folder)), str(day(DAYS - 1))
        return dg.materialize(
            cdp_assets.assets(company.model),
            selection=SELECTED,
            resources={"lake": self.lake, "company": company},
            tags={"dagster/asset_partition_range_start": last, "dagster/asset_partition_range_end": last},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **config},
        )

    def declare(self, files: dict[str, str]) -> None:
        """Write files of the model."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(textwrap.dedent(text))
        load_model.cache_clear()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one query on the lake."""
        with self.lake.reading() as con:
            return con.execute(sql).fetchall()


def new_world(home: Path, files: dict[str, str]) -> World:
    """The company with more files, and a lake with empty tables."""
    world = World(home, Lake(catalog=f"sqlite:{home / 'catalog.sqlite'}", data_path=str(home / "data")))
    company = COMPANY.replace("2026-03-01", "2026-01-01").replace("2026-03-31", "2026-12-31")
    world.declare({"company.yaml": company, "sources/shop.yaml": SHOP, **files})
    with world.lake.transaction() as con:
        make_tables(con)
        for column in ("provenance", "disagreeing"):
            con.execute(f"ALTER TABLE lake.profiles.golden_records ADD COLUMN {column} VARCHAR")
    return world


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """What a materialization shows, by name."""
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.path == ["predictions", name]]
    return {key: value.value for key, value in event.materialization.metadata.items()}
