"""A plan says what a run would do, in numbers and masked, and sends and writes nothing."""

import datetime as dt
import json

import pytest
from activation_world import Person, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.plan import Plan, plan, rehearse_all
from cdp_resources.rehearsal import Rehearsed, seconds_at_least


def planned(world: World) -> Plan:
    world.save()
    with world.lake.reading() as con:
        return plan(con, world.model, "vips", dt.datetime.now(dt.UTC))


def test_before_the_first_run_everybody_is_added_and_nothing_is_written(world: World, receiver: MoodyReceiver) -> None:
    world.people["p1"].consent = []
    found = planned(world)
    assert found.changes == [("add", None, 4)]
    assert found.left_out == {"consent_missing": 1}
    assert (found.requests.number, found.requests.estimated, found.stops) == (2, False, [])
    assert not receiver.attempts
    assert world.query("SELECT 1 FROM information_schema.tables WHERE table_schema = 'activation'") == []


def test_it_is_what_the_run_then_does(lake_world: World, receiver: MoodyReceiver) -> None:
    lake_world.run()
    lake_world.people["p1"].first_name = "Other"
    lake_world.people["p2"].member = False
    lake_world.people["p9"] = Person("p9@x.org")
    found = planned(lake_world)
    assert found.changes == [("add", None, 1), ("remove", "not_in_segment", 1), ("update", None, 1)]
    before = len(receiver.attempts)
    assert lake_world.run().sent == {"add": 1, "remove": 1, "update": 1}
    assert len(receiver.attempts) - before == found.requests.number


def test_examples_are_masked(world: World) -> None:
    world.people = {"a-long-person-id": Person("ada@x.org", first_name="Ada")}
    assert planned(world).examples == [("add", "a-lon… known by a…@")]


def test_what_would_stop_the_run_is_said_and_what_it_would_do_all_the_same(world: World) -> None:
    world.people = {f"p{n:02}": Person(f"p{n:02}@x.org") for n in range(40)}
    world.run()
    for n in range(20):
        world.people[f"p{n:02}"].member = False
    (stop,) = planned(world).stops
    assert "20 of 40 rows (50%)" in stop
    assert "cdp sync approve vips" in stop


def test_what_nobody_can_tell_is_no_plan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_WEBHOOK_SECRET")
    assert "TEST_WEBHOOK_SECRET is not set" in str(planned(world).requests.unknown)
    world.evaluated = False
    with pytest.raises(SyncStopped, match="was never evaluated"):
        planned(world)


def test_a_rehearsal_has_the_requests_of_the_run_without_secrets(world: World, receiver: MoodyReceiver) -> None:
    world.model = model_with(webhook(receiver.url, limits={"minute": 1}))
    world.save()
    found: list[Rehearsed] = []
    with world.lake.reading() as con:
        rows, stops = rehearse_all(con, world.model, "vips", dt.datetime.now(dt.UTC), found.append)
    assert (rows, stops, receiver.attempts) == (5, [], [])
    world.model = model_with(webhook(receiver.url))
    world.run()
    assert [request.body for request in found] == [json.loads(body) for body in receiver.bodies]
    assert [request.headers["webhook-id"] for request in found] == receiver.messages
    assert {request.headers["webhook-signature"] for request in found} == {"***"}
    assert "whsec" not in "".join(request.line() for request in found)


@pytest.mark.parametrize(
    ("number", "limits", "seconds"),
    [
        (0, {"second": 1}, 0),
        (10, {"second": 10}, 0),
        (11, {"second": 9}, 1),
        (400, {"second": 10, "minute": 150}, 120),
    ],
)
def test_limits_make_a_run_take_at_least_so_long(number: int, limits: dict[str, int], seconds: int) -> None:
    assert seconds_at_least(number, limits) == seconds


def test_a_refused_row_is_told_apart(world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org"}
    world.run()
    found = planned(world)
    assert (found.changes, found.held_back) == ([], 1)
