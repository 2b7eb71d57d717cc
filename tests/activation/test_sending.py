"""Whatever the network and the destination do: nothing is lost, nothing is taken as sent, and ids stay the same."""

import datetime as dt
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from activation_world import NOON, Crash, Person, World, crash_when_recording, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation import sending
from cdp_assets.activation.consent import deliveries_without_consent
from cdp_resources.environment import home


def test_what_was_acknowledged_before_a_crash_is_not_sent_again(
    lake_world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(lake_world, monkeypatch)
    before = len(receiver.attempts)
    result = lake_world.run()
    assert (result.acknowledged, len(receiver.attempts)) == (5, before)
    assert [*lake_world.query("SELECT DISTINCT message_id FROM lake.activation.deliveries ORDER BY ALL")] == sorted(
        {(headers["webhook-id"],) for headers in receiver.attempts}
    )
    assert lake_world.run().attempted == 0
    assert not list(home().glob("checkpoints/*.ndjson"))


def test_what_was_acknowledged_before_a_crash_is_known_in_every_pass_of_the_next_run(
    lake_world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(lake_world, monkeypatch)
    lake_world.people["p0"] = Person("p0@x.org")
    monkeypatch.setattr(sending, "PASS_ROWS", 3)
    result = lake_world.run()
    assert (result.acknowledged, result.not_attempted) == (6, 0)
    assert receiver.changes == {"add": 6}
    assert not list(home().glob("checkpoints/*.ndjson"))


def test_a_run_that_is_stopped_after_one_that_died_while_it_noted_something_has_a_checkpoint_too(
    lake_world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home() / "checkpoints"
    folder.mkdir()
    (folder / "vips.ndjson").write_bytes(b'{"half of an id')
    crash(lake_world, monkeypatch)
    before = len(receiver.attempts)
    assert lake_world.run().acknowledged == 5
    assert len(receiver.attempts) == before


def test_on_another_machine_it_is_sent_again_as_the_same_message(
    lake_world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crash(lake_world, monkeypatch)
    lost = [headers["webhook-id"] for headers in receiver.attempts]
    monkeypatch.setenv("CDP_HOME", str(tmp_path / "other"))
    result = lake_world.run()
    ids = [headers["webhook-id"] for headers in receiver.attempts][len(lost) :]
    assert ids[: len(lost)] == lost
    assert (result.acknowledged, len(ids)) == (5, 2)
    assert receiver.changes == {"add": 5}, "a receiver that remembers ids applies each change once"


def test_what_changed_after_a_crash_is_sent_although_its_former_content_was_acknowledged(
    lake_world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(lake_world, monkeypatch)
    lake_world.people["p1"].first_name = "Another"
    del lake_world.people["p2"]
    lake_world.run(allow_removals=True)
    assert receiver.rows("vips") == lake_world.desired()


def crash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is sent and answered, and nothing of that comes into the lake."""
    with monkeypatch.context() as patch:
        patch.setattr(sending, "record_acknowledged", crash_when_recording)
        with pytest.raises(Crash):
            world.run()


def test_an_answer_lost_after_it_was_applied_is_asked_for_again_with_the_same_id(
    world: World, receiver: MoodyReceiver
) -> None:
    receiver.script.extend(["lost", "lost", "good"])
    assert world.run().acknowledged == 0
    assert world.run().acknowledged == 5
    first, second, third = (headers["webhook-id"] for headers in receiver.attempts[:3])
    assert first == second == third
    assert receiver.changes == {"add": 5}


def test_a_row_whose_answer_was_lost_is_removed_when_its_person_withdraws(
    world: World, receiver: MoodyReceiver
) -> None:
    receiver.script.extend(["lost", "lost"])
    assert world.run().acknowledged == 0
    assert "p1@x.org" in receiver.rows("vips")
    world.people["p1"].consent.append(("withdrawn", NOON + dt.timedelta(days=1)))
    result = world.run()
    assert result.sent == {"remove": 1, "add": 4}
    assert receiver.rows("vips") == world.desired()
    assert world.unanswered() == []


def test_announcements_that_were_answered_are_gone_at_the_latest_after_the_next_run(
    world: World, receiver: MoodyReceiver
) -> None:
    world.run(run_id="first")
    world.people["p1"].first_name = "Another"
    world.run(run_id="second")
    assert world.query("FROM lake.activation.attempts WHERE run_id = 'first'") == []
    assert receiver.rows("vips") == world.desired()


def test_a_change_taken_back_after_its_answer_was_lost_is_sent_all_the_same(
    world: World, receiver: MoodyReceiver
) -> None:
    world.run()
    receiver.script.extend(["lost", "lost"])
    world.people["p1"].first_name = "Changed"
    world.run()
    world.people["p1"].first_name = "Name1"
    assert world.run().sent == {"update": 1}
    assert receiver.rows("vips") == world.desired()


def test_a_failed_row_is_sent_again_with_fresh_values(world: World, receiver: MoodyReceiver) -> None:
    receiver.script.extend(["500", "500"])
    result = world.run()
    assert (result.acknowledged, result.retry_later, result.not_attempted) == (0, {"HTTP 500": 3}, 2)
    assert result.gave_up
    assert world.query("SELECT * FROM lake.activation.deliveries") == []
    world.people["p1"].first_name = "Fresh"
    assert world.run().acknowledged == 5
    assert receiver.rows("vips")["p1@x.org"]["name"] == "Fresh"


def test_a_poison_row_is_found_and_the_others_are_delivered(lake_world: World, receiver: MoodyReceiver) -> None:
    receiver.poison = {"p2@x.org"}
    result = lake_world.run()
    assert result.acknowledged == 4
    assert result.rejected == {"HTTP 400: bad row <key>": 1}
    error, attempts, resolved = lake_world.query("SELECT error, attempts, resolved_at FROM lake.activation.rejections")[
        0
    ]
    assert (error, attempts, resolved) == ("HTTP 400: bad row <key>", 1, None)


def test_a_refused_row_waits_a_day_unless_its_content_changes(lake_world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org", "p3@x.org"}
    lake_world.run()
    receiver.behave()
    held_back = lake_world.run()
    assert (held_back.attempted, held_back.unacknowledged) == (0, 2)
    lake_world.people["p2"].first_name = "Changed"
    assert lake_world.run().sent == {"add": 1}
    lake_world.lake.write(
        lambda con: con.execute("UPDATE lake.activation.rejections SET last_seen = last_seen - INTERVAL 2 DAY") and None
    )
    assert lake_world.run().sent == {"add": 1}
    resolved = lake_world.query(
        "SELECT destination_key, resolution FROM lake.activation.rejections WHERE resolved_at IS NOT NULL ORDER BY 1"
    )
    assert resolved == [("p2@x.org", "superseded"), ("p3@x.org", "acknowledged")]
    assert receiver.rows("vips") == lake_world.desired()


def test_the_same_refusal_again_counts_attempts(world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org"}
    for _ in range(3):
        world.run()
        world.lake.write(
            lambda con: (
                con.execute("UPDATE lake.activation.rejections SET last_seen = last_seen - INTERVAL 2 DAY") and None
            )
        )
    found = world.query(
        "SELECT attempts, error, first_seen <= last_seen + INTERVAL 2 DAY FROM lake.activation.rejections"
    )
    assert found == [(3, "<key> bounces", True)]


def test_a_destination_that_refuses_every_row_is_not_asked_about_each(world: World, receiver: MoodyReceiver) -> None:
    world.people = {f"p{n:02}": Person(f"p{n:02}@x.org") for n in range(12)}
    receiver.disliked = {person.email for person in world.people.values() if person.email}
    result = world.run()
    assert result.gave_up
    assert (len(receiver.attempts), result.not_attempted) == (2, 6)


@pytest.mark.parametrize("bound", ["PASS_ROWS", "PASS_SECONDS"])
def test_long_work_is_read_in_passes_and_heeds_a_withdrawal_made_meanwhile(
    world: World, receiver: MoodyReceiver, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(sending, bound, {"PASS_ROWS": 3, "PASS_SECONDS": 0}[bound])

    original = receiver.answer

    def answer(headers: dict[str, str], body: str) -> object:
        if not receiver.attempts:
            world.people["p5"].consent.append(("withdrawn", NOON + dt.timedelta(days=1)))
            world.save()
        return original(headers, body)

    monkeypatch.setattr(receiver, "answer", answer)
    result = world.run()
    assert (result.acknowledged, result.not_attempted) == (4, 0)
    assert "p5@x.org" not in receiver.rows("vips")
    assert world.unanswered() == []


def test_as_many_batches_are_on_their_way_as_the_destination_takes(world: World, receiver: MoodyReceiver) -> None:
    world.people = {f"p{n:02}": Person(f"p{n:02}@x.org") for n in range(12)}
    world.model = model_with(webhook(receiver.url, concurrency=2))
    together = threading.Barrier(2, timeout=5)
    original = receiver.answer

    def answer(headers: dict[str, str], body: str) -> object:
        together.wait()
        return original(headers, body)

    receiver.answer = answer  # type: ignore[method-assign,assignment]
    assert world.run().acknowledged == 12
    assert len(receiver.attempts) == 4
    assert receiver.rows("vips") == world.desired()


def test_two_runs_at_once_are_one_after_the_other(lake_world: World, receiver: MoodyReceiver) -> None:
    lake_world.save()
    said: list[str] = []
    original, entered = receiver.answer, threading.Event()

    def answer(headers: dict[str, str], body: str) -> object:
        if not entered.is_set():
            entered.set()
            other.start()
            until = time.monotonic() + 20
            while not said and time.monotonic() < until:  # the other one has come, and waits
                time.sleep(0.01)
        return original(headers, body)

    def another() -> None:
        sending.Sending(lake_world.lake, lake_world.model, "vips", "other", said.append).run(lake_world.open)

    other = threading.Thread(target=another)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiver, "answer", answer)
        sending.Sending(lake_world.lake, lake_world.model, "vips", "one", lambda _: None).run(lake_world.open)
        other.join()
    assert said == ["vips: another run of this sync is at work: this one begins when that is over"]
    assert receiver.changes == {"add": 5}
    assert lake_world.query("SELECT count(*), count(DISTINCT destination_key) FROM lake.activation.deliveries") == [
        (5, 5)
    ]


def test_progress_says_how_fast_and_how_long() -> None:
    done = sending.Delivered(sent=Counter(add=2_500), acknowledged=2_400)
    told = sending.progress(done, pending=10_000, seconds=5.0)
    assert told == "2,500 of 10,000 rows sent, 2,400 acknowledged, 500 a second, 0:00:15 left"


def test_removals_are_sent_before_anything_else(world: World, receiver: MoodyReceiver) -> None:
    world.run()
    receiver.bodies.clear()
    world.people["p5"].consent.append(("withdrawn", NOON + dt.timedelta(days=1)))
    world.people["p1"].first_name = "Changed"
    world.people["p0"] = Person("p0@x.org")
    world.run()
    order = [part.split('"')[0] for part in receiver.bodies[0].split('"change":"')[1:]]
    assert order == ["remove", "update", "add"]


def test_a_row_sent_without_consent_is_counted(lake_world: World, receiver: MoodyReceiver) -> None:
    lake_world.run()
    sync = lake_world.model.syncs["vips"]

    def unproven() -> int:
        lake_world.save()
        with lake_world.lake.reading() as con:
            return deliveries_without_consent(con, "vips", sync)

    assert unproven() == 0
    lake_world.people["p1"].consent.append(("withdrawn", dt.datetime.now(dt.UTC) + dt.timedelta(days=1)))
    assert unproven() == 0, "withdrawn after it was sent: the next run removes it"
    lake_world.people["p2"].consent.append(("withdrawn", NOON + dt.timedelta(days=1)))
    assert unproven() == 1, "a late statement shows that the person had withdrawn before"
    lake_world.people["p3"].consent = []
    assert unproven() == 2, "the statement relied on is gone"
    lake_world.run(allow_removals=True)
    assert unproven() == 0


def test_two_people_behind_two_syncs_do_not_mix(world: World, receiver: MoodyReceiver) -> None:
    other = world.model.syncs["vips"].model_copy(update={"segment": None, "consent": None, "legal_basis": "contract"})
    world.model = world.model.model_copy(update={"syncs": {**world.model.syncs, "all": other}})
    world.people["p1"].member = False
    world.people["p2"].consent = []
    assert world.run("vips").acknowledged == 3
    assert world.run("all").acknowledged == 5
    assert world.run("vips").attempted == 0
    found = world.query("SELECT sync, count(*) FROM lake.activation.deliveries GROUP BY sync ORDER BY sync")
    assert found == [("all", 5), ("vips", 3)]
