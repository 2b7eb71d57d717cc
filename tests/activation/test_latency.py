"""How long rows took from what happened until they were acknowledged, where that can be told."""

import datetime as dt

import dagster as dg
import pytest
from activation_world import World

from cdp_assets.activation import assets

SYNC = dg.AssetKey(["activation", "vips"])
EVENTS = """CREATE TABLE lake.standardized.events
    (event_id VARCHAR, record_key VARCHAR, occurred_at TIMESTAMPTZ, received_at TIMESTAMPTZ)"""


@pytest.fixture
def synced(lake_world: World) -> World:
    """The world after a first run, on an instance that remembers it."""
    lake_world.lake.write(lambda con: con.execute(f"DROP TABLE IF EXISTS lake.standardized.events; {EVENTS}") and None)
    lake_world.save()
    return lake_world


def shown(world: World, instance: dg.DagsterInstance) -> dict[str, object]:
    """Numbers of the sync's page after another run."""
    result = dg.materialize(assets(world.model), resources={"lake": world.lake}, instance=instance)
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == SYNC]
    numbers = {name: value.value for name, value in event.materialization.metadata.items()}
    return {name: value for name, value in numbers.items() if name.startswith("latency")}


def happens(world: World, person: str, ago: dt.timedelta) -> None:
    """Somebody did something, and their row changed for it."""
    at = dt.datetime.now(dt.UTC) - ago

    def write(con: object) -> None:
        con.execute(  # type: ignore[attr-defined]
            "INSERT INTO lake.standardized.events VALUES (?, ?, ?, ?)", [f"{person} {at}", f"crm:{person}", None, at]
        )
        con.execute(  # type: ignore[attr-defined]
            "UPDATE lake.profiles.profiles SET spend = spend + 1 WHERE person_id = ?", [person]
        )

    world.lake.write(write)


def test_rows_are_timed_from_the_first_news_of_their_person_since_the_run_before(synced: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        happens(synced, "p1", dt.timedelta(minutes=5))
        assert shown(synced, instance) == {}, "nobody can tell what is new in the first run"
        happens(synced, "p1", dt.timedelta(minutes=2))
        happens(synced, "p1", dt.timedelta(minutes=1))
        happens(synced, "p2", dt.timedelta(minutes=4))
        happens(synced, "p3", dt.timedelta(days=8))
        synced.lake.write(
            lambda con: con.execute("UPDATE lake.profiles.profiles SET spend = 9 WHERE person_id = 'p4'") and None
        )
        found = shown(synced, instance)
        assert found.pop("latency_rows") == 2
        assert found == {
            "latency_median_seconds": pytest.approx(180, abs=20),
            "latency_95th_percentile_seconds": pytest.approx(237, abs=20),
        }
        assert shown(synced, instance) == {}, "nothing was sent"
