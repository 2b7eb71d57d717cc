"""While something upstream waits for somebody to look, a sync sends nothing but what cannot wait."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from activation_world import NOON, World
from moody_receiver import MoodyReceiver

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.stops import approve as approve_sync
from cdp_assets.identity.alarms import REFUSED, raise_alarm
from cdp_assets.segments.guards import approve, ensure_guards
from tests.small_company import SmallCompany, csv

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
    with pytest.raises(SyncStopped, match=r"Only people who withdrew or were erased were removed \(2\)"):
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


def refuse(world: World) -> None:
    """Identity drifts: a resolution is refused."""
    world.lake.write(lambda con: raise_alarm(con, REFUSED, "300 people would be merged", "night"))


def expect(world: World) -> None:
    """The segment is declared to be larger than it is."""
    best = world.model.segments["best"].model_copy(update={"expected_size": (10, 20)})
    world.model = world.model.model_copy(update={"segments": {"best": best}})


@pytest.fixture
def resolved(world: World) -> Iterator[World]:
    """The world after a first run, where people have been resolved."""
    resolutions = "CREATE TABLE lake.identity.resolutions (resolution_version VARCHAR, resolved_at TIMESTAMPTZ)"
    world.lake.write(lambda con: con.execute(resolutions) and None)
    world.run()
    yield world
    world.lake.write(lambda con: con.execute("DROP TABLE IF EXISTS lake.identity.alarms") and None)
    world.lake.write(lambda con: con.execute("DROP TABLE lake.identity.resolutions") and None)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (refuse, "identity drifts: people are left as they were, because 300 people would be merged"),
        (expect, "best has 5 people, expected 10 to 20"),
    ],
)
def test_drifting_identity_and_a_size_out_of_its_range_stop_a_sync_until_it_is_approved(
    resolved: World, happens: Callable[[World], None], why: str
) -> None:
    happens(resolved)
    before = held(resolved)
    resolved.people["p1"].first_name = "Other"
    with pytest.raises(SyncStopped, match=f"Nothing was sent, because {why}. .*cdp sync approve vips --reason"):
        resolved.run()
    resolved.people["p2"].consent.append(("withdrawn", LATER))
    with pytest.raises(SyncStopped, match=r"erased were removed \(1\)"):
        resolved.run()
    assert held(resolved) == [key for key in before if key != "p2@x.org"]
    said = resolved.lake.write(lambda con: approve_sync(con, resolved.model, "vips", "ada", "looked", NOON))
    assert said[0].startswith(why)
    assert resolved.run().sent == {"update": 1}


def test_a_source_that_brings_nothing_stops_a_sync_until_it_is_approved(
    lake_world: World, company: SmallCompany, receiver: MoodyReceiver
) -> None:
    header, row = "id,who,what,at,sent,received,amount,currency", "1,a,b,2026-03-01,,,5,EUR"
    for number in range(1, 10):
        company.land(f"events/2026-03-{number:02}.csv", csv(header, *[row] * (100 if number < 9 else 0)))
    company.materialize("raw/shop__events", days=range(1, 10))
    lake_world.model = model = lake_world.model.model_copy(update={"sources": company.model.sources})
    with pytest.raises(SyncStopped, match=r"raw/shop__events brings nothing \(0 rows on .*cdp sync approve vips"):
        lake_world.run()
    assert receiver.attempts == []
    said = company.lake.write(lambda con: approve_sync(con, model, "vips", "ada", "the shop was closed", NOON))
    assert said[0].startswith("raw/shop__events brings nothing")
    assert lake_world.run().acknowledged == 5
