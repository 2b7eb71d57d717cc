"""While a jump of its segment waits for somebody to look, a sync sends nothing but what cannot wait."""

import datetime as dt
from collections.abc import Iterator

import pytest
from activation_world import NOON, World

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.segments.guards import approve, ensure_guards

LATER = NOON + dt.timedelta(days=1)
JUMP = """INSERT INTO lake.segments.guards BY NAME SELECT 'best' AS segment, DATE '2026-09-30' AS as_of,
    5 AS members, 50 AS usual_low, 200 AS usual_high"""


@pytest.fixture
def guarded(world: World) -> Iterator[World]:
    """The world after a first run, with a jump of its segment since."""
    world.run()
    world.lake.write(ensure_guards)
    world.lake.write(lambda con: con.execute(JUMP) and None)
    yield world
    world.lake.write(lambda con: con.execute("DROP TABLE lake.segments.guards") and None)


def held(world: World) -> list[str]:
    rows = world.query(
        "SELECT destination_key FROM lake.activation.deliveries WHERE status = 'acknowledged' ORDER BY ALL"
    )
    return [key for (key,) in rows]


def test_nothing_is_sent_and_the_way_out_is_named(guarded: World) -> None:
    before = held(guarded)
    guarded.people["p1"].first_name = "Other"
    guarded.people["p2"].member = False
    with pytest.raises(SyncStopped, match="Nothing was sent, because `best` jumped to 5 people") as stopped:
        guarded.run()
    assert "cdp segment approve best --reason" in str(stopped.value)
    assert held(guarded) == before


def test_a_sync_of_an_expired_segment_stops_and_says_that_it_is_expired(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    before = held(world)
    monkeypatch.setattr("cdp_assets.activation.difference.FEW_REMOVALS", 1)
    yesterday = world.as_of - dt.timedelta(days=1)
    expired = world.model.segments["best"].model_copy(update={"expires": yesterday})
    world.model = world.model.model_copy(update={"segments": {"best": expired}})
    for person in world.people.values():
        person.member = False
    with pytest.raises(SyncStopped, match=f"because nobody is in an expired segment: `best` expired on {yesterday}"):
        world.run()
    assert held(world) == before
    world.run(allow_removals=True)
    assert held(world) == []


def test_who_withdrew_is_removed_all_the_same(guarded: World) -> None:
    guarded.people["p1"].consent.append(("withdrawn", LATER))
    guarded.people["p2"].member = False
    del guarded.people["p3"]
    with pytest.raises(SyncStopped, match="Only 2 people who withdrew or were erased were removed"):
        guarded.run()
    assert held(guarded) == ["p2@x.org", "p4@x.org", "p5@x.org"]
    with pytest.raises(SyncStopped, match="Nothing was sent"):
        guarded.run()


def test_after_an_approval_the_sync_goes_on_with_what_is_true_then(guarded: World) -> None:
    guarded.people["p2"].member = False
    with pytest.raises(SyncStopped):
        guarded.run()
    guarded.lake.write(lambda con: approve(con, "best", "ada", "right") and None)
    guarded.people["p1"].first_name = "Other"
    assert guarded.run().acknowledged == 2
    assert held(guarded) == sorted(guarded.desired())
