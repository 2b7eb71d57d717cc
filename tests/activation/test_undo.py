"""A run is taken back: additions removed, the rest as it was, and nobody sent who may not be sent today."""

import datetime as dt

import pytest
from activation_world import NOON, Person, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.sending import Sending
from cdp_assets.activation.undo import compare_undo, read_undo, syncs_of_run

LATER = NOON + dt.timedelta(days=1)


def undo(world: World, run_id: str) -> Delivered:
    """Take a run back, without making the input tables anew."""

    def read(*arguments: object, **more: object) -> object:
        return read_undo(*arguments, **more, run_id=run_id)  # type: ignore[arg-type]

    return Sending(world.lake, world.model, "vips", "undoing", lambda _: None, read).run(world.open)  # type: ignore[arg-type]


def impossible(world: World, run_id: str) -> dict[str, int]:
    with world.lake.reading() as con:
        return compare_undo(con, world.model, "vips", dt.datetime.now(dt.UTC), run_id)[1]


@pytest.fixture
def wrong(lake_world: World, receiver: MoodyReceiver) -> World:
    """A good run, and after it one that changed p1, removed p2 and added p9."""
    lake_world.run(run_id="good")
    lake_world.before = receiver.rows("vips")  # type: ignore[attr-defined]
    lake_world.people["p1"].first_name = "Wrong"
    lake_world.people["p2"].member = False
    lake_world.people["p9"] = Person("p9@x.org")
    lake_world.run(run_id="wrong")
    return lake_world


def test_the_destination_holds_what_it_held_before(wrong: World, receiver: MoodyReceiver) -> None:
    assert impossible(wrong, "wrong") == {}
    assert undo(wrong, "wrong").sent == {"add": 1, "update": 1, "remove": 1}
    assert receiver.rows("vips") == wrong.before  # type: ignore[attr-defined]
    assert undo(wrong, "wrong").attempted == 0
    wrong.run(run_id="next")
    assert receiver.rows("vips") == wrong.desired(), "the next run sends what is true then"


def test_the_first_run_is_undone_by_removing_everybody(lake_world: World, receiver: MoodyReceiver) -> None:
    lake_world.run(run_id="first")
    assert undo(lake_world, "first").sent == {"remove": 5}
    assert receiver.rows("vips") == {}


def test_who_has_withdrawn_since_is_not_sent_again(wrong: World, receiver: MoodyReceiver) -> None:
    wrong.people["p2"].consent.append(("withdrawn", LATER))
    wrong.save()
    assert impossible(wrong, "wrong") == {"consent_withdrawn": 1}
    undo(wrong, "wrong")
    assert "p2@x.org" not in receiver.rows("vips")


def test_rows_that_a_later_run_has_sent_are_left_as_they_are(wrong: World, receiver: MoodyReceiver) -> None:
    wrong.people["p1"].first_name = "Right"
    wrong.run(run_id="later")
    undo(wrong, "wrong")
    assert receiver.rows("vips")["p1@x.org"]["name"] == "Right"


def test_former_values_that_no_snapshot_has_cannot_be_undone(wrong: World) -> None:
    wrong.lake.write(lambda con: con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())") and None)
    assert impossible(wrong, "wrong") == {"former_values_unknown": 2}
    assert undo(wrong, "wrong").sent == {"remove": 1}


def test_a_run_is_known_by_the_beginning_of_its_id(wrong: World) -> None:
    with wrong.lake.reading() as con:
        assert syncs_of_run(con, wrong.model, "wro") == ("wrong", ["vips"])
        with pytest.raises(ValueError, match="it sent nothing, or later runs did"):
            syncs_of_run(con, wrong.model, "other")


def test_events_are_never_taken_back(lake_world: World, receiver: MoodyReceiver) -> None:
    lake_world.model = model_with(webhook(receiver.url), mode="append_events")
    lake_world.run(run_id="events")
    with pytest.raises(SyncStopped, match="cannot be taken back"):
        undo(lake_world, "events")
