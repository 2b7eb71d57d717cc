"""Where comparable tools were seen to fail: one test for each failure.

Two more are held where the model is: `test_a_mistyped_option_is_refused_with_the_name_that_is_meant` and
`test_a_mode_that_the_destination_cannot_do_is_refused`, in `tests/model/test_destinations.py`.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from activation_world import Person, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation import assets
from cdp_resources.destinations import api
from cdp_resources.lake import Lake
from examples.receiver import Answer

HERE = Path(__file__).parent


def people(number: int) -> dict[str, Person]:
    return {f"p{n:04}": Person(f"p{n:04}@x.org") for n in range(number)}


def sent(receiver: MoodyReceiver) -> dict[str, list[str]]:
    """By key of a row, the ids of all messages that it was sent in."""
    ids: dict[str, list[str]] = {}
    for headers, body in zip(receiver.attempts, receiver.bodies, strict=True):
        for change in json.loads(body)["changes"]:
            ids.setdefault(change["key"], []).append(headers["webhook-id"])
    return ids


def test_an_outage_at_half_of_the_rows_loses_none_and_the_next_run_goes_on(
    world: World, receiver: MoodyReceiver
) -> None:
    world.people = people(1_000)
    world.model = model_with(webhook(receiver.url, batch_size=50))
    receiver.script.extend(["good"] * 10 + ["503", "503"])
    first = world.run()
    assert (first.acknowledged, first.retry_later, first.not_attempted) == (500, {"HTTP 503": 50}, 450)
    second = world.run()
    assert (second.sent, second.acknowledged) == ({"add": 500}, 500)
    assert receiver.rows("vips") == world.desired()


def test_every_refused_row_is_kept_though_fields_are_timestamps_and_though_they_are_many(
    world: World, receiver: MoodyReceiver
) -> None:
    world.people = people(1_500)
    fields = {"day": "as_of", "at": "as_of::TIMESTAMPTZ", "then": "as_of::TIMESTAMP", "all": "sources"}
    world.model = model_with(webhook(receiver.url, batch_size=100), fields=fields)
    receiver.disliked = {key for n, key in enumerate(world.desired()) if n % 100}
    result = world.run()
    assert (result.acknowledged, result.rejected) == (15, {"<key> bounces": 1_485})
    kept = world.query("SELECT destination_key FROM lake.activation.rejections WHERE error = '<key> bounces'")
    assert {key for (key,) in kept} == receiver.disliked


SYNC = """
import sys
from pathlib import Path
from activation_world import World, model_with, quick_lake, webhook
from cdp_assets.activation.sending import Sending
world = World(quick_lake(Path(sys.argv[1])), model_with(webhook(sys.argv[2], batch_size=10)))
Sending(world.lake, world.model, "vips", "killed", lambda _: None).run(world.open)
"""


RECORDED_BY_THE_KILLED = "SELECT count(*) FROM lake.activation.deliveries WHERE run_id = 'killed'"


def test_killed_in_the_middle_no_acknowledged_batch_is_sent_again_and_the_others_under_the_same_ids(
    tmp_path: Path, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(catalog=f"sqlite:{tmp_path}/catalog.sqlite", data_path=f"{tmp_path}/data")
    world = World(lake, model_with(webhook(receiver.url, batch_size=10)), people(200))
    world.save()
    original = receiver.answer
    process: subprocess.Popen[bytes]

    def answer(headers: dict[str, str], body: str) -> Answer:
        answered = original(headers, body)
        if len(receiver.attempts) == 10:
            process.kill()
        return answered

    monkeypatch.setattr(receiver, "answer", answer)
    process = subprocess.Popen([sys.executable, "-c", SYNC, tmp_path, receiver.url], env=environment(HERE))
    assert process.wait(60) < 0
    before = sent(receiver)
    assert len(before) == 100
    monkeypatch.setattr(receiver, "answer", original)
    result = world.run()
    again = [ids for key, ids in sent(receiver).items() if len(ids) > 1]
    assert result.acknowledged + world.query(RECORDED_BY_THE_KILLED)[0][0] == 200
    assert len(again) == 10, "the answer to the tenth batch did not arrive"
    assert all(len(ids) == 2 and len(set(ids)) == 1 for ids in again)
    assert receiver.changes == {"add": 200}
    assert receiver.rows("vips") == world.desired()


def environment(*paths: Path) -> dict[str, str]:
    """The variables of this process, for one that imports from the same folders."""
    return {**os.environ, "PYTHONPATH": ":".join(map(str, [*paths, HERE.parents[1]]))}


def test_people_who_are_no_more_are_noticed_and_removed(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    del world.people["p2"]
    world.people["p3"].suppressed = True
    result = world.run()
    assert result.first
    assert result.first.removals == {"person_gone": 1, "suppressed": 1}
    assert set(receiver.rows("vips")) == {"p1@x.org", "p4@x.org", "p5@x.org"}


def materialized(world: World) -> dg.ExecuteInProcessResult:
    world.save()
    return dg.materialize(assets(world.model), resources={"lake": world.lake}, raise_on_error=False)


@pytest.mark.parametrize("how", ["disliked", "poison"])
def test_an_asset_is_not_green_when_all_rows_failed_and_logs_kinds_of_errors_and_not_rows(
    world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(api, "BACKOFF", lambda _: 0.0)
    events = Counter[int]()
    for number in (20, 500):
        world.lake.empty()  # type: ignore[attr-defined]
        world.people = people(number)
        world.model = model_with(webhook(receiver.url, batch_size=500))
        setattr(receiver, how, set(world.desired()))
        result = materialized(world)
        failed = result.failure_data_for_node("activation__vips")
        assert failed
        assert failed.user_failure_data
        assert "destination `hub` took nothing" in str(failed.user_failure_data.description)
        errors = [failed.user_failure_data.metadata[name].value for name in ("rejected", "retry_later")]
        assert sum(count for kinds in errors for count in kinds.values()) == number
        assert sum(map(len, errors)) <= 2
        events[number] = len(result.all_events)
    assert len(set(events.values())) == 1


def test_nothing_is_locked_while_rows_are_on_their_way(tmp_path: Path, receiver: MoodyReceiver) -> None:
    lake = Lake(catalog=f"sqlite:{tmp_path}/catalog.sqlite", data_path=f"{tmp_path}/data")
    world = World(lake, model_with(webhook(receiver.url, batch_size=5)), people(5))
    written = threading.Event()
    original = receiver.answer

    def answer(headers: dict[str, str], body: str) -> Answer:
        # The row is not acknowledged before somebody else has changed the tables that it was made of.
        writer = threading.Thread(
            target=lambda: (
                lake.write(lambda con: con.execute("DELETE FROM lake.profiles.profiles") and None),
                written.set(),
            ),
            daemon=True,
        )
        writer.start()
        assert written.wait(30)
        return original(headers, body)

    receiver.answer = answer  # type: ignore[method-assign]
    assert world.run().acknowledged == 5
    assert world.query("SELECT count(*) FROM lake.profiles.profiles") == [(0,)]


def test_nothing_advances_past_an_undelivered_row(world: World, receiver: MoodyReceiver) -> None:
    world.people = people(12)
    world.model = model_with(webhook(receiver.url, concurrency=2))
    receiver.script.extend(["404", "good"])
    first = world.run()
    assert (first.acknowledged, sum(first.retry_later.values()), first.not_attempted) == (3, 3, 6)
    receiver.disliked = {min(set(world.desired()) - set(receiver.rows("vips")))}
    assert world.run().acknowledged == 8
    world.people |= {"q1": Person("q1@x.org")}
    assert world.run().sent == {"add": 1}, "a refused row keeps no other back, and is not forgotten either"
    receiver.behave()
    aged = "UPDATE lake.activation.rejections SET last_seen = last_seen - INTERVAL 2 DAY"
    world.lake.write(lambda con: con.execute(aged) and None)
    assert world.run().sent == {"add": 1}
    assert receiver.rows("vips") == world.desired()
