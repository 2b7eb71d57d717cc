"""What is sent follows from what is desired and what was acknowledged, and from nothing else."""

import datetime as dt

import pytest
from activation_world import NOON, Person, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.difference import Removals, removal_storm

LATER = NOON + dt.timedelta(days=1)


def test_the_first_run_adds_everyone_and_the_second_sends_nothing(lake_world: World, receiver: MoodyReceiver) -> None:
    first = lake_world.run()
    second = lake_world.run()
    assert receiver.rows("vips") == lake_world.desired()
    assert (first.sent, first.acknowledged) == ({"add": 5}, 5)
    assert second.attempted == 0
    assert len(receiver.attempts) == 2, "five rows in batches of three"


def test_a_changed_field_is_an_update_and_nothing_else_is_sent(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    world.people["p2"].first_name = "Grace"
    assert world.run().sent == {"update": 1}
    assert receiver.rows("vips")["p2@x.org"]["name"] == "Grace"


def test_a_new_address_removes_the_old_row_and_adds_the_new_one(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    world.people["p2"].email = "new@x.org"
    result = world.run()
    assert result.sent == {"remove": 1, "add": 1}
    assert result.first
    assert result.first.removals == {"key_changed": 1}
    assert receiver.rows("vips") == world.desired()


def test_who_leaves_the_segment_is_removed_by_mirror_and_stays_with_upsert(
    world: World, receiver: MoodyReceiver
) -> None:
    world.run()
    world.people["p1"].member = False
    mirror = world.model
    world.model = model_with(webhook(receiver.url), mode="upsert")
    assert world.run().attempted == 0
    world.model = mirror
    assert world.run().sent == {"remove": 1}
    assert receiver.rows("vips") == world.desired()


@pytest.mark.parametrize("mode", ["mirror", "upsert"])
def test_withdrawn_consent_removes_the_row_in_every_mode(world: World, receiver: MoodyReceiver, mode: str) -> None:
    world.model = model_with(webhook(receiver.url), mode=mode)
    world.run()
    world.people["p1"].consent.append(("withdrawn", LATER))
    world.people["p1"].member = False
    result = world.run()
    assert result.sent == {"remove": 1}
    assert "p1@x.org" not in receiver.rows("vips")


def test_consent_given_again_adds_the_row_again_for_a_receiver_that_remembers_ids(
    world: World, receiver: MoodyReceiver
) -> None:
    world.people = {"p1": world.people["p1"]}
    for status in ("granted", "withdrawn", "granted", "withdrawn", "granted"):
        moment = NOON + dt.timedelta(days=len(world.people["p1"].consent))
        world.people["p1"].consent.append((status, moment))
        world.run(allow_removals=True)
        assert receiver.rows("vips") == world.desired()
    assert len(set(receiver.messages)) == len(receiver.attempts) == 5


def test_withdrawal_wins_over_a_grant_of_the_same_moment(world: World) -> None:
    world.people["p1"].consent += [("withdrawn", LATER), ("granted", LATER)]
    result = world.run()
    assert result.acknowledged == 4
    assert result.first
    assert result.first.left_out == {"consent_withdrawn": 1}


def test_silence_a_missing_key_and_suppression_leave_people_out_by_name_of_reason(world: World) -> None:
    world.people["p1"].consent = []
    world.people["p2"].email = None
    world.people["p3"].email = "  "
    world.people["p4"].suppressed = True
    world.people["p6"] = Person("p6@x.org", member=False)
    result = world.run()
    assert result.first
    assert result.first.left_out == {"consent_missing": 1, "no_key": 2, "suppressed": 1}
    assert result.acknowledged == 1


def test_of_two_people_with_one_address_one_is_sent_and_always_the_same(world: World, receiver: MoodyReceiver) -> None:
    world.people["p0"] = Person("p1@x.org", first_name="Other")
    result = world.run()
    assert receiver.rows("vips")["p1@x.org"]["name"] == "Other"
    assert result.first
    assert result.first.left_out == {"duplicate_key": 1}
    assert world.run().attempted == 0


def test_an_address_is_not_sent_when_anyone_who_shares_it_withdrew_later(world: World, receiver: MoodyReceiver) -> None:
    world.people["p9"] = Person("p1@x.org", consent=[("withdrawn", LATER)], member=False)
    world.people["p8"] = Person("p2@x.org", suppressed=True, member=False)
    world.people["p7"] = Person("p3@x.org", consent=[("withdrawn", NOON - dt.timedelta(days=1))], member=False)
    result = world.run()
    assert set(receiver.rows("vips")) == {"p3@x.org", "p4@x.org", "p5@x.org"}
    assert result.first
    assert result.first.left_out == {"key_withdrawn": 1, "key_suppressed": 1}


def test_a_merge_removes_the_duplicate_and_keeps_the_other_row(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    del world.people["p2"]
    result = world.run()
    assert result.sent == {"remove": 1}
    assert result.first
    assert result.first.removals == {"person_gone": 1}
    assert receiver.rows("vips") == world.desired()


def test_a_row_that_passes_to_another_person_is_recorded_and_not_sent(
    lake_world: World, receiver: MoodyReceiver
) -> None:
    lake_world.run()
    lake_world.people["a_survivor"] = lake_world.people.pop("p2")
    result = lake_world.run()
    assert result.attempted == 0
    assert result.first
    assert result.first.handovers == {"p2@x.org": "a_survivor"}
    found = lake_world.query("SELECT person_id FROM lake.activation.deliveries WHERE destination_key = 'p2@x.org'")
    assert found == [("a_survivor",)]
    assert lake_world.run().first == lake_world.run().first


def test_an_evaluated_segment_without_members_is_empty_and_an_unevaluated_one_stops_the_run(world: World) -> None:
    world.run()
    for person in world.people.values():
        person.member = False
    world.as_of += dt.timedelta(days=1)
    world.evaluated = False
    with pytest.raises(SyncStopped, match="was never evaluated: materialize segments/memberships"):
        world.run()
    world.evaluated = True
    assert world.run().sent == {"remove": 5}


def test_a_missing_trait_column_names_the_asset_to_materialize(world: World, receiver: MoodyReceiver) -> None:
    world.save()
    world.lake.write(lambda con: con.execute("ALTER TABLE lake.profiles.profiles DROP COLUMN spend") and None)
    world.save = lambda: None  # type: ignore[method-assign]
    with pytest.raises(SyncStopped, match=r"no column spend yet.*materialize profiles/profiles"):
        world.run()


def test_no_profiles_at_all_stop_the_run_and_can_be_allowed(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    world.people.clear()
    with pytest.raises(SyncStopped, match=r"profiles\.profiles is empty"):
        world.run()
    assert len(receiver.rows("vips")) == 5
    assert world.run(allow_removals=True).sent == {"remove": 5}


def test_a_removal_storm_sends_nothing_until_it_is_allowed(world: World, receiver: MoodyReceiver) -> None:
    world.people = {f"p{n:02}": Person(f"p{n}@x.org") for n in range(40)}
    world.run()
    for n in range(20):
        world.people[f"p{n:02}"].member = False
    requests = len(receiver.attempts)
    with pytest.raises(SyncStopped, match=r"20 of 40 rows \(50%\).*cdp sync approve vips"):
        world.run()
    assert len(receiver.attempts) == requests
    world.run(allow_removals=True)
    assert receiver.rows("vips") == world.desired()


@pytest.mark.parametrize(
    ("counted", "stops"),
    [
        (Removals(10, 10, 1), False),
        (Removals(11, 11, 1), True),
        (Removals(30, 100, 1), False),
        (Removals(31, 100, 1), True),
        (Removals(0, 0, 1), False),
        (Removals(0, 0, 0), True),
    ],
)
def test_more_than_ten_rows_and_more_than_the_share_are_a_storm(counted: Removals, stops: bool) -> None:
    assert (removal_storm(counted, 0.3) is not None) == stops


def test_another_destination_is_another_state(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    moved = model_with(webhook(receiver.url))
    sync = moved.syncs["vips"].model_copy(update={"destination": "new_hub"})
    hub = moved.destinations["hub"]
    world.model = moved.model_copy(update={"syncs": {"vips": sync}, "destinations": {"hub": hub, "new_hub": hub}})
    assert world.run().sent == {"add": 5}


def test_times_are_iso_8601_and_noise_of_floating_point_is_no_change(world: World, receiver: MoodyReceiver) -> None:
    world.model = model_with(
        webhook(receiver.url), fields={"spend": "spend", "day": "as_of", "now": "as_of::TIMESTAMPTZ", "list": "sources"}
    )
    world.people["p1"].spend = 0.1 + 0.2
    world.people["p2"].spend = float("nan")
    world.run()
    rows = receiver.rows("vips")
    assert rows["p1@x.org"] == {
        "day": "2026-09-30",
        "list": None,
        "now": "2026-09-30T00:00:00.000000Z",
        "spend": 0.3,
    }
    assert rows["p2@x.org"]["spend"] is None
    world.people["p1"].spend = 0.3
    assert world.run().attempted == 0
