"""Modes beside mirror and upsert, and who is too uncertain to be sent."""

import datetime as dt
import json

import pyarrow as pa
import pytest
from activation_world import NOON, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation.comparison import SyncStopped
from cdp_assets.activation.pending import Pending
from cdp_assets.activation.sending import after_waiting
from cdp_model.syncs import Sync, weight_of
from cdp_resources.destinations.api import Api
from cdp_resources.destinations.base import Outcome, Row


def changes(receiver: MoodyReceiver) -> list[tuple[str, str, str]]:
    """Change, key and id of everything that was sent, in order."""
    sent = [change for body in receiver.bodies for change in json.loads(body)["changes"]]
    return [(change["change"], change["key"], change.get("id", "")) for change in sent]


def test_a_full_refresh_sends_every_row_in_every_run_and_removes_who_left(
    world: World, receiver: MoodyReceiver
) -> None:
    world.model = model_with(webhook(receiver.url), mode="full_refresh")
    assert world.run().sent == {"add": 5}
    world.people["p1"].member = False
    assert world.run().sent == {"update": 4, "remove": 1}
    assert world.run().sent == {"update": 4}
    assert receiver.rows("vips") == world.desired()
    assert len(set(receiver.messages)) == len(receiver.attempts)


def test_events_are_appended_once_each_and_fields_that_change_are_none(world: World, receiver: MoodyReceiver) -> None:
    world.model = model_with(webhook(receiver.url), mode="append_events")
    assert world.run().sent == {"entered": 5}
    world.people["p1"].first_name = "Other"
    assert world.run().attempted == 0
    world.people["p2"].member = False
    assert world.run().sent == {"exited": 1}
    world.people["p2"].member = True
    assert world.run().sent == {"entered": 1}
    told = [(change, event) for change, key, event in changes(receiver) if key == "p2@x.org"]
    assert [change for change, _ in told] == ["entered", "exited", "entered"]
    assert len({event for _, event in told}) == 3


def test_an_event_whose_answer_was_lost_is_sent_again_under_its_id(world: World, receiver: MoodyReceiver) -> None:
    world.model = model_with(webhook(receiver.url, max_attempts=1, batch_size=5), mode="append_events")
    receiver.script.append("lost")
    world.run()
    world.people["p1"].first_name = "Other"
    world.run()
    for changed_or_not in ("p1@x.org", "p2@x.org"):
        told = [event for _, key, event in changes(receiver) if key == changed_or_not]
        assert len(told) == 2
        assert len(set(told)) == 1


def test_an_event_that_is_sent_again_has_the_time_of_the_first_attempt(
    world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.model = model_with(webhook(receiver.url, max_attempts=1, batch_size=5), mode="append_events")
    times: list[set[dt.datetime]] = []
    original = Api.send
    monkeypatch.setattr(Api, "send", lambda api, rows: times.append({row.at for row in rows}) or original(api, rows))
    receiver.script.extend(["lost", "good"])
    for _ in range(2):
        world.run()
    assert times[0] == times[1]
    assert len(times[0]) == 1
    world.people["p2"].member = False
    world.run()
    assert min(times[2]) > max(times[1])


@pytest.mark.parametrize(("certainty", "weight"), [(0.5, 0.0), (0.9990, 9.9643), ({"match_weight": 12}, 12.0)])
def test_a_certainty_is_a_probability_or_a_match_weight(certainty: object, weight: float) -> None:
    sync = model_with(webhook("http://x"), min_certainty=certainty).syncs["vips"]
    assert isinstance(sync, Sync)
    assert sync.min_certainty is not None
    assert weight_of(sync.min_certainty) == pytest.approx(weight, abs=1e-4)


def persons(world: World, **weights: float | None) -> None:
    """`identity.persons` with the weakest link of each."""
    world.lake.write(
        lambda con: (
            con.execute("CREATE OR REPLACE TABLE lake.identity.persons (person_id VARCHAR, weakest_link DOUBLE)")
            and None
        )
    )
    rows = ", ".join(f"('{name}', {'NULL' if weight is None else weight})" for name, weight in weights.items())
    world.lake.write(lambda con: con.execute(f"INSERT INTO lake.identity.persons VALUES {rows}") and None)


def test_people_below_the_certainty_are_not_sent_and_the_stricter_demand_holds(
    world: World, receiver: MoodyReceiver
) -> None:
    world.run()
    world.model = model_with(webhook(receiver.url, min_certainty=0.99), min_certainty={"match_weight": 9})
    with pytest.raises(SyncStopped, match=r"needs identity\.persons"):
        world.run()
    persons(world, p1=None, p2=20.0, p3=8.5, p4=2.0, p5=9.0)
    result = world.run()
    world.lake.write(lambda con: con.execute("DROP TABLE lake.identity.persons") and None)
    assert result.first
    assert result.first.left_out == {"uncertain_identity": 2}
    assert result.first.removals == {"uncertain_identity": 2}
    assert sorted(receiver.rows("vips")) == ["p1@x.org", "p2@x.org", "p5@x.org"]


def test_a_row_that_waits_too_long_counts_as_refused() -> None:
    most = dt.timedelta(days=3)
    later, taken = Outcome("retry_later", "HTTP 500"), Outcome("acknowledged")
    row = Row("add", "key", {}, "p1", "id")

    def waited(days: int | None, other: Outcome = taken) -> Outcome:
        since = None if days is None else NOON - dt.timedelta(days=days)
        part = Pending([row, row], pa.table({"waits_since": [since, None]}))
        ((_, (outcome, _)),) = after_waiting([(part, [later, other])], NOON, most)
        return outcome

    assert waited(None) == waited(2) == later
    assert waited(3) == Outcome("rejected", "not taken for 3 days: HTTP 500")
    assert waited(3, other=later) == later
