"""A sync to a vendor as Dagster runs it: what is refused is told in the vendor's words, without anybody's data."""

from pathlib import Path

import dagster as dg
import pytest
from activation_world import World, model_with

from cdp_assets.activation import assets
from tests.destinations import test_hubspot
from tests.destinations.vendor import Vendor


def test_a_list_at_hubspot_becomes_the_segment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hubspot = test_hubspot.TestHubSpotList()
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-eu1-test")
    monkeypatch.setenv("CDP_HOME", str(tmp_path))

    def sync() -> dg.ExecuteInProcessResult:
        world.save()
        return dg.materialize(assets(world.model), resources={"lake": world.lake})

    with Vendor(hubspot.description(), hubspot.reply, hubspot.credentials) as vendor:
        hubspot.vendor = vendor
        world.model = model_with(hubspot.settings(), fields={"firstname": "first_name"})
        vendor.bad = {"p2@x.org"}
        result = sync()
        world.people["p3"].member = False
        assert sync().success
    assert vendor.violations == []
    assert {key: held["firstname"] for key, held in vendor.held.items()} == {
        f"p{n}@x.org": f"Name{n}" for n in (1, 4, 5)
    }
    (event,) = result.asset_materializations_for_node("activation__vips")
    assert event.metadata["rejected"].value == {"Email <key> is not valid": 1}
    assert "p2@x.org" not in caplog.text
    assert "pat-eu1" not in caplog.text
    kinds = assets(world.model)[0].tags_by_key[dg.AssetKey(["activation", "vips"])]
    assert "dagster/kind/hubspot" in kinds
