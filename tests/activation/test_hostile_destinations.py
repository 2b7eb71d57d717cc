"""The law of activation, at every destination that holds people, whatever it and the network do.

Once a destination behaves it holds exactly the desired state: no row is lost, and none is sent without consent.
Nothing is asked of it beyond its limits. With `--hypothesis-profile=thousands` each has thousands of examples.
"""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from activation_world import (
    KEYS,
    PEOPLE,
    Crash,
    Person,
    QuickLake,
    World,
    crash_when_recording,
    model_with,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_assets.activation import sending
from cdp_assets.activation.consent import deliveries_without_consent
from cdp_assets.activation.delivered import Delivered
from cdp_assets.activation.sending import Sending
from cdp_resources.destinations.answers import Answer
from cdp_resources.destinations.api import Api, Deliver
from cdp_resources.destinations.base import Outcome, Row
from tests.destinations import (
    test_braze,
    test_customerio,
    test_google,
    test_http,
    test_hubspot,
    test_intercom,
    test_klaviyo,
    test_mailchimp,
    test_meta,
    test_webhook,
)
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Reply

PER_SECOND = 4
WELL = ["good"] * 4
TROUBLE = [
    *("500", "503", "429", "429 7", "408", "401", "404", "reset", "lost", "partly", "garbled", "strange"),
    *("twice", "slow", "drip", "forgets", "smaller", "busier"),
]
PATIENCE = 0.1
"""Seconds for the body of an answer while the destination suffers. What it answers to is done by then."""
SETTINGS = settings(
    max_examples=settings().max_examples if settings.get_current_profile_name() == "thousands" else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
AS_PHONE = "CASE first_name WHEN 'Ada' THEN '+1 800 555 0100' ELSE '+1 800 555 0111' END"


@dataclass(frozen=True)
class Case:
    """A kind of destination, and which of its fields has the first name, by which SQL."""

    contract: type[DestinationContract]
    fields: Mapping[str, str]

    def sent(self, person: Mapping[str, object]) -> dict[str, object]:
        """The values of the fields, of a desired row."""
        phone = "+1 800 555 0100" if person["name"] == "Ada" else "+1 800 555 0111"
        return {name: phone if sql == AS_PHONE else person["name"] for name, sql in self.fields.items()}


NAME = {"first_name": "first_name"}
CASES = {
    "webhook": Case(test_webhook.TestWebhook, NAME),
    "http": Case(test_http.TestHttpInBatches, NAME),
    "hubspot contacts": Case(test_hubspot.TestHubSpotContacts, NAME),
    "hubspot list": Case(test_hubspot.TestHubSpotList, NAME),
    "klaviyo": Case(test_klaviyo.TestKlaviyo, NAME | {"tier": "first_name"}),
    "customerio people": Case(test_customerio.TestCustomerIoPeople, NAME),
    "customerio members": Case(test_customerio.TestCustomerIoMembers, NAME),
    "braze users": Case(test_braze.TestBrazeUsers, NAME),
    "braze members": Case(test_braze.TestBrazeMembers, NAME),
    "intercom contacts": Case(test_intercom.TestIntercomContacts, {"name": "first_name", "tier": "first_name"}),
    "intercom tag": Case(test_intercom.TestIntercomTag, {"name": "first_name", "tier": "first_name"}),
    "mailchimp": Case(test_mailchimp.TestMailchimp, {"FNAME": "first_name"}),
    "meta": Case(test_meta.TestMetaAudience, NAME),
    "google": Case(test_google.TestGoogleAudience, {"phone": AS_PHONE}),
}
RUNS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("uvwxyz"), PEOPLE, min_size=3),
        st.lists(st.sampled_from(WELL + TROUBLE), max_size=8),
        st.sets(KEYS, max_size=1),
        st.sets(KEYS, max_size=1),
        st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=3,
)
Runs = list[tuple[dict[str, Person], list[str], set[str], set[str], bool]]


@pytest.mark.parametrize("kind", CASES)
@SETTINGS
@given(runs=RUNS)
def test_once_a_destination_behaves_it_holds_exactly_the_desired_state(
    kind: str, memory_lake: QuickLake, tmp_path: Path, runs: Runs
) -> None:
    suffer_then_behave(CASES[kind], memory_lake, tmp_path, runs)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=RUNS)
def test_the_same_holds_with_acknowledgements_in_a_real_lake(lake: QuickLake, tmp_path: Path, runs: Runs) -> None:
    suffer_then_behave(CASES["webhook"], lake, tmp_path, runs)


class Suffering:
    """One destination and a world, on a clock that pauses move."""

    def __init__(self, case: Case, contract: DestinationContract, lake: QuickLake) -> None:
        lake.empty()
        self.case, self.contract, self.lake = case, contract, lake
        self.destination = contract.settings(batch_size=3, concurrency=1, limits={"second": PER_SECOND})
        self.world = World(lake, model_with(self.destination, fields=dict(case.fields)))
        self.now = float(time.time_ns())
        self.asked: list[float] = []
        self.quiet_until, self.impatient = 0.0, False
        contract.vendor.clock = lambda: self.now / 1e9
        self.said: dict[str, list[tuple[str, dt.datetime]]] = {}
        self._answer, contract.vendor.answer = contract.vendor.answer, self.answer  # type: ignore[method-assign]

    def answer(self, request: object) -> object:
        """Note when the destination is asked, and until when it asked for a pause."""
        if getattr(request, "path", "") not in self.contract.vendor.tokens:
            self.asked.append(self.now)
            self.impatient |= self.now < self.quiet_until
        reply: Reply = self._answer(request)  # type: ignore[arg-type]
        self.quiet_until = self.now + 1e9 * float(reply.headers.get("retry-after", 0))
        return reply

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds * 1e9

    def can(self, mood: str) -> bool:
        """Whether it tells the truth in this mood: where a status says all, no other answer can hide what it says."""
        needed = {"garbled": self.contract.answers_with_json, "strange": self.contract.answers_say_what_was_done}
        return needed.get(mood, True)

    def world_is(self, people: dict[str, Person]) -> None:
        """Other people, who may be those of before with more statements."""
        for name, person in people.items():
            person.consent = [*self.said.get(name, []), *person.consent]
            self.said[name] = person.consent
        self.world.people = people
        self.world.gone = {name: said for name, said in self.said.items() if name not in people}

    def run(self) -> Delivered:
        """Sync; whatever the destination now holds that it did not before has the consent of now."""
        self.world.save()
        held = self.contract.vendor.held
        held.writes.clear()
        sender = Sending(self.lake, self.world.model, "vips", "run", lambda _: None)
        self.quiet_until = 0.0
        try:
            return sender.run(lambda _: Watched(self), allow_removals=True)
        finally:
            assert held.writes <= set(self.world.desired())

    def wanted(self) -> dict[str, object]:
        """What the destination ought to hold."""
        rows = {key: self.case.sent(person) for key, person in self.world.desired().items()}
        return {key: self.contract.expected(Row("add", key, fields, "", "")) for key, fields in rows.items()}


class Watched(Api):
    """Tells the vendor how many rows there are in what it is asked."""

    def __init__(self, suffering: Suffering) -> None:
        super().__init__(suffering.destination, "vips", sleep=suffering.sleep)
        self.vendor = suffering.contract.vendor

    def _deliver(self, search: Any, deliver: Deliver, rows: Sequence[Row]) -> dict[str, Outcome]:
        self.vendor.rows_on_their_way = len(rows)
        return super()._deliver(search, deliver, rows)


def impatiently(response: requests.Response, _: float, read: Callable[..., Answer] = Answer.read) -> Answer:
    """Read an answer, but not for long."""
    return read(response, PATIENCE)


def suffer_then_behave(case: Case, lake: QuickLake, home: Path, runs: Runs) -> None:
    """Runs with changing people and a moody destination; then the laws of one that behaves."""
    contract = case.contract()
    contract.key = lambda n: f"{'abcde'[n % 5]}@x.org"  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch, contract.running(patch, home):
        suffering, vendor = Suffering(case, contract, lake), contract.vendor
        patch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", lambda: int(suffering.now))
        for people, moods, bad, poison, crashes in runs:
            suffering.world_is(people)
            vendor.script.extend(mood for mood in moods if suffering.can(mood))
            vendor.bad, vendor.poison = bad, poison
            with pytest.MonkeyPatch.context() as trouble, contextlib.suppress(Crash):
                trouble.setattr(Answer, "read", impatiently)
                if crashes:
                    trouble.setattr(sending, "record_acknowledged", crash_when_recording)
                suffering.run()
        vendor.script.clear()
        vendor.bad, vendor.poison = set(), set()
        lake.write(lambda con: con.execute("DELETE FROM lake.activation.rejections") and None)
        suffering.run()
        assert dict(vendor.held) == suffering.wanted()
        requests = len(vendor.requests)
        assert suffering.run().attempted == 0
        assert len(vendor.requests) == requests
        with lake.reading() as con:
            assert deliveries_without_consent(con, "vips", suffering.world.model.syncs["vips"]) == 0
        spans = zip(suffering.asked, suffering.asked[PER_SECOND:], strict=False)
        assert all(later - earlier >= 1e9 for earlier, later in spans), "more requests a second than allowed"
        assert not suffering.impatient, "asked again before the pause was over"
