"""The job `syncs` as it is launched: a destination that hangs keeps no other waiting."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from activation_world import Person, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation import assets
from cdp_model.model import Model
from cdp_resources.lake import Lake
from examples.receiver import Answer
from sensors.flow import SIDE_BY_SIDE

ONE, OTHER = "TEST_URL_ONE", "TEST_URL_OTHER"


class Hanging(MoodyReceiver):
    """Does not answer before the other destination is asked as well."""

    def __init__(self, both_are_asked: threading.Barrier) -> None:
        super().__init__()
        self.both_are_asked = both_are_asked

    def answer(self, headers: dict[str, str], body: str) -> Answer:
        self.both_are_asked.wait()
        return super().answer(headers, body)


def company() -> Model:
    """Two syncs of the same people, to two destinations."""
    model = model_with(webhook(f"${{{ONE}}}", batch_size=500))
    waits = model.syncs["vips"]
    return model.model_copy(
        update={
            "destinations": {**model.destinations, "other": webhook(f"${{{OTHER}}}", batch_size=500)},
            "syncs": {"vips": waits, "also": waits.model_copy(update={"destination": "other"})},
        }
    )


def job() -> dg.JobDefinition:
    """As `sensors.flow` has it, without what reports afterwards; made anew in each process of a step."""
    lake = Lake(catalog=os.environ["TEST_CATALOG"], data_path=os.environ["TEST_DATA"])
    model = company()
    syncs = [dg.AssetKey(["activation", name]) for name in model.syncs]
    executor = dg.multi_or_in_process_executor
    declared = dg.define_asset_job("syncs", selection=syncs, executor_def=executor, config=SIDE_BY_SIDE)
    return dg.Definitions(assets=assets(model), jobs=[declared], resources={"lake": lake}).resolve_job_def("syncs")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Five people in a lake that other processes can open."""
    for name, value in {"TEST_CATALOG": f"sqlite:{tmp_path}/catalog.sqlite", "TEST_DATA": f"{tmp_path}/data"}.items():
        monkeypatch.setenv(name, value)
    lake = Lake(catalog=os.environ["TEST_CATALOG"], data_path=os.environ["TEST_DATA"])
    made = World(lake, company(), {f"p{n}": Person(f"p{n}@x.org") for n in range(5)})
    made.save()
    return made


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One that other processes can open."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_a_destination_that_hangs_keeps_no_other_waiting(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_are_asked = threading.Barrier(2, timeout=120)
    with Hanging(both_are_asked) as one, Hanging(both_are_asked) as other:
        monkeypatch.setenv(ONE, one.url)
        monkeypatch.setenv(OTHER, other.url)
        with dg.execute_job(dg.reconstructable(job), instance=instance) as running:
            assert running.success
        assert one.rows("vips") == other.rows("also") == world.desired()
