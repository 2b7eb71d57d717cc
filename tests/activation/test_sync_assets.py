"""The assets of syncs: what Dagster shows, when it fails, and that no person appears in logs or metadata."""

import logging

import dagster as dg
import pytest
from activation_world import NOON, World, model_with, webhook
from moody_receiver import MoodyReceiver

from cdp_assets.activation import assets
from cdp_assets.activation.stops import approve
from cdp_resources.destinations import api

SYNC = dg.AssetKey(["activation", "vips"])


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "BACKOFF", lambda _: 0.0)


def materialize(world: World, config: dict[str, object] | None = None) -> dg.ExecuteInProcessResult:
    """Run every activation asset once."""
    world.save()
    run_config = {"ops": {"activation__vips": {"config": config}}} if config else None
    return dg.materialize(
        assets(world.model), resources={"lake": world.lake}, run_config=run_config, raise_on_error=False
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The words of the sync's failure."""
    data = result.failure_data_for_node("activation__vips")
    assert data
    assert data.user_failure_data
    return str(data.user_failure_data.description)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """Metadata of the sync's materialization, as plain values."""
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == SYNC]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_sync_reports_what_it_did_and_passes_its_checks(lake_world: World) -> None:
    lake_world.people["p1"].consent = []
    result = materialize(lake_world)
    assert result.success
    shown = metadata(result)
    assert (shown["added"], shown["acknowledged"], shown["removed"]) == (4, 4, 0)
    assert "| consent_missing | 1 |" in str(shown["left_out"])
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {
        "every_row_was_acknowledged": True,
        "no_row_is_refused_for_days": True,
        "no_delivery_without_consent": True,
    }
    keys = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert keys == {"activation/vips", "activation/deliveries", "activation/rejections"}


def test_schema_and_lineage_lead_from_fields_to_the_profile(world: World) -> None:
    shown = metadata(materialize(world))
    schema, lineage = shown["dagster/column_schema"], shown["dagster/column_lineage"]
    assert isinstance(schema, dg.TableSchema)
    assert isinstance(lineage, dg.TableColumnLineage)
    assert [(c.name, c.type, "pii" in (c.tags or {})) for c in schema.columns] == [
        ("key", "VARCHAR", True),
        ("name", "VARCHAR", True),
        ("spend", "DOUBLE", False),
    ]
    (origin,) = lineage.deps_by_column["name"]
    assert (origin.asset_key.to_user_string(), origin.column_name) == ("profiles/profiles", "first_name")


def test_rejected_rows_warn_and_are_reported_without_values(lake_world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org"}
    result = materialize(lake_world)
    assert result.success
    assert metadata(result)["rejected"] == {"<key> bounces": 1}
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "every_row_was_acknowledged"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "rejected: 1"


def test_rows_that_are_refused_for_days_are_an_error(world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org"}
    materialize(world)
    aged = "UPDATE lake.activation.rejections SET first_seen = first_seen - INTERVAL 4 DAY"
    world.lake.write(lambda con: con.execute(aged) and None)
    checks = materialize(world).get_asset_check_evaluations()
    (check,) = [c for c in checks if c.check_name == "no_row_is_refused_for_days"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "rows refused or not taken for 3 days: 1"


def test_a_destination_that_is_down_fails_the_asset_and_keeps_the_rows(world: World, receiver: MoodyReceiver) -> None:
    receiver.script.extend(["500", "500"])
    result = materialize(world)
    assert "destination `hub` took nothing: HTTP 500 (3 rows)" in failure(result)
    assert materialize(world).success
    assert receiver.rows("vips") == world.desired()


def test_a_removal_storm_fails_with_the_way_out_and_goes_on_once_it_is_approved(
    world: World, receiver: MoodyReceiver
) -> None:
    materialize(world)
    everyone = world.people
    world.people = {}
    assert "cdp sync approve vips --reason" in failure(materialize(world))
    world.lake.write(lambda con: approve(con, world.model, "vips", "ada", "the shop closed", NOON))
    assert materialize(world).success
    assert receiver.rows("vips") == {}
    world.people = everyone
    assert materialize(world).success
    assert receiver.rows("vips") == world.desired()


def test_a_refused_row_is_sent_again_at_once_when_somebody_asks(world: World, receiver: MoodyReceiver) -> None:
    receiver.disliked = {"p2@x.org"}
    materialize(world)
    receiver.behave()
    materialize(world)
    assert "p2@x.org" not in receiver.rows("vips")
    materialize(world, {"retry_refused": True})
    assert receiver.rows("vips") == world.desired()


def test_a_missing_secret_fails_naming_the_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_WEBHOOK_SECRET")
    assert "the environment variable TEST_WEBHOOK_SECRET is not set" in failure(materialize(world))


def test_a_held_row_whose_consent_was_withdrawn_before_it_was_sent_fails_the_check(
    world: World, receiver: MoodyReceiver
) -> None:
    materialize(world)
    world.people["p1"].consent.append(("withdrawn", NOON.replace(day=2)))
    receiver.disliked = {"p1@x.org"}
    result = materialize(world)
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "no_delivery_without_consent"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_no_person_appears_in_logs_or_metadata(
    world: World, receiver: MoodyReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.poison = {"p2@x.org"}
    receiver.disliked = {"p3@x.org"}
    caplog.set_level(logging.DEBUG)
    result = materialize(world)
    shown = [str(e) for e in result.all_events] + [str(event) for event in result.get_asset_materialization_events()]
    for word in ("p1@x.org", "p2@x.org", "p3@x.org", "Name2", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        assert word not in caplog.text
        assert not any(word in text for text in shown)


def test_every_sync_has_its_own_pool_and_its_upstream() -> None:
    everyone = model_with(webhook("http://x"), segment=None, consent=None, legal_basis="contract", mode="upsert")
    sync, *tables = assets(everyone)
    assert sync.key == SYNC
    assert sync.op.pool == "sync_vips"
    assert {key.to_user_string() for key in sync.keys_by_input_name.values()} == {"profiles/profiles"}
    description = sync.descriptions_by_key[SYNC]
    assert description
    assert "every profile" in description
    assert "Legal ground: contract" in description
    assert [spec.name for spec in sync.check_specs] == ["every_row_was_acknowledged", "no_row_is_refused_for_days"]
    assert [table.op.pool for table in tables] == ["lake", "lake"]
    with_consent = assets(model_with(webhook("http://x")))[0]
    assert {key.to_user_string() for key in with_consent.keys_by_input_name.values()} == {
        "profiles/profiles",
        "segments/memberships",
        "standardized/consents",
        "identity/record_persons",
    }
