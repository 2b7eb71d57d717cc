"""An approval is for what somebody has seen: the removals of that moment, and the jumps of that moment."""

import datetime as dt

import pytest
from activation_world import NOON, Person, World

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.stops import approve


@pytest.fixture
def storm(world: World) -> World:
    """Of forty people at the destination, twenty have left."""
    world.people = {f"p{n:02}": Person(f"p{n:02}@x.org") for n in range(40)}
    world.run()
    leave(world, range(20))
    world.save()
    return world


def leave(world: World, numbers: range) -> None:
    for n in numbers:
        world.people[f"p{n:02}"].member = False


def approved(world: World, reason: str = "the sale is over") -> list[str]:
    return world.lake.write(lambda con: approve(con, world.model, "vips", "ada", reason, NOON))


def test_approved_removals_are_sent_and_who_and_why_are_kept(storm: World) -> None:
    assert approved(storm) == ["20 removals from `hub`"]
    assert storm.run().sent == {"remove": 20}
    assert storm.query("SELECT DISTINCT author, reason FROM lake.activation.approvals") == [("ada", "the sale is over")]


def test_removals_that_come_after_the_approval_stop_the_sync_again(storm: World) -> None:
    approved(storm)
    leave(storm, range(20, 40))
    with pytest.raises(SyncStopped, match="20 of 40 rows"):
        storm.run()


def test_an_approval_does_not_hold_for_rows_that_came_back_and_leave_again(storm: World) -> None:
    approved(storm)
    storm.run()
    for person in storm.people.values():
        person.member = True
    storm.run()
    leave(storm, range(20))
    with pytest.raises(SyncStopped, match="20 of 40 rows"):
        storm.run()


def test_nothing_is_approved_without_a_reason_and_nothing_twice(storm: World) -> None:
    with pytest.raises(ValueError, match="say why with --reason"):
        approved(storm, " ")
    approved(storm)
    with pytest.raises(ValueError, match="nothing of `vips` waits for approval"):
        approved(storm)


def test_a_missing_input_is_no_reason_to_approve_anything(storm: World) -> None:
    storm.lake.write(lambda con: con.execute("DELETE FROM lake.segments.evaluations") and None)
    with pytest.raises(ValueError, match="was never evaluated"):
        approved(storm)


def test_ids_of_approvals_say_nothing_of_people(storm: World) -> None:
    approved(storm)
    rows = storm.query("SELECT idempotency_id, approved_at FROM lake.activation.approvals")
    assert all("@" not in key and at <= dt.datetime.now(dt.UTC) for key, at in rows)
