"""The law of activation at vendors with several steps: once they behave, they hold exactly the desired state."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from activation_world import Person, QuickLake, World, model_with
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_sending import KEYS, PEOPLE, Crash, crash_when_recording

from cdp_assets.activation import sending
from cdp_assets.activation.consent import deliveries_without_consent
from cdp_assets.activation.sending import Delivered, Sending
from cdp_resources.destinations.api import Api
from tests.destinations import test_hubspot, test_klaviyo, test_mailchimp
from tests.destinations.kit import DestinationContract
from tests.destinations.vendor import Vendor

MOODS = ["good", "good", "500", "429", "429 7", "408", "404", "reset", "lost", "garbled"]
CONTRACTS = {
    "hubspot": (test_hubspot.TestHubSpotList, {"name": "first_name"}),
    "klaviyo": (test_klaviyo.TestKlaviyo, {"first_name": "first_name", "tier": "first_name"}),
    "mailchimp": (test_mailchimp.TestMailchimp, {"FNAME": "first_name"}),
}
RUNS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("uvwxyz"), PEOPLE, min_size=1),
        st.lists(st.sampled_from(MOODS), max_size=8),
        st.sets(KEYS, max_size=1),
        st.sets(KEYS, max_size=1),
        st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=3,
)
Runs = list[tuple[dict[str, Person], list[str], set[str], set[str], bool]]


@pytest.mark.parametrize("kind", CONTRACTS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=RUNS)
def test_once_a_vendor_behaves_it_holds_exactly_the_desired_state(
    kind: str, memory_lake: QuickLake, tmp_path: Path, runs: Runs
) -> None:
    kit, fields = CONTRACTS[kind]
    contract = kit()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in contract.secrets.items():
            patch.setenv(name, value)
        patch.setenv("CDP_HOME", str(tmp_path))
        contract.begin()
        with Vendor(contract.description(), contract.reply, contract.credentials) as contract.vendor:
            suffer_then_behave(contract, fields, memory_lake, runs)
            assert contract.vendor.violations == []


def suffer_then_behave(contract: DestinationContract, fields: dict[str, str], lake: QuickLake, runs: Runs) -> None:
    """Runs with changing people and a moody vendor; then the laws of one that behaves."""
    lake.empty()
    vendor, destination = contract.vendor, contract.settings(batch_size=3)
    world = World(lake, model_with(destination, fields=fields))

    def run() -> Delivered:
        world.save()
        sender = Sending(lake, world.model, "vips", "run", lambda _: None)
        return sender.run(lambda _: Api(destination, "vips", sleep=lambda _: None), allow_removals=True)

    for people, moods, bad, poison, crashes in runs:
        world.people = people
        vendor.script.extend(moods)
        vendor.bad, vendor.poison = bad, poison
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Crash):
            if crashes:
                patch.setattr(sending, "record_acknowledged", crash_when_recording)
            run()
    vendor.script.clear()
    vendor.bad, vendor.poison = set(), set()
    lake.write(lambda con: con.execute("DELETE FROM lake.activation.rejections") and None)
    run()
    assert {key: _name(held) for key, held in vendor.held.items()} == {
        key: wanted["name"] for key, wanted in world.desired().items()
    }
    requests = len(vendor.requests)
    assert run().attempted == 0
    assert len(vendor.requests) == requests
    with lake.reading() as con:
        assert deliveries_without_consent(con, "vips", world.model.syncs["vips"]) == 0


def _name(held: dict[str, Any]) -> Any:
    return held.get("name") or held.get("first_name") or held["merge_fields"]["FNAME"]
