"""Checks that fail as errors are told to people, once as long as they say the same."""

import dagster as dg
import pytest

from sensors.alerts import URL_VARIABLE, alert, failed_checks
from tests.destinations.vendor import Reply, Vendor

SYNC = dg.AssetKey(["activation", "vips"])


def run(instance: dg.DagsterInstance, *, waiting: int, severity: str = "ERROR", fails: bool = False) -> dg.DagsterRun:
    """A run of a sync with rows that are refused for days."""

    @dg.asset(key=SYNC, check_specs=[dg.AssetCheckSpec("no_row_is_refused_for_days", asset=SYNC)])
    def vips() -> dg.MaterializeResult:
        said = f"rows refused or not taken for 3 days: {waiting}" if waiting else None
        return dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(passed=not waiting, severity=dg.AssetCheckSeverity(severity), description=said)
            ]
        )

    @dg.asset
    def another() -> None:
        if fails:
            raise ValueError("anna@example.com is not a number")

    return dg.materialize([vips, another], instance=instance, raise_on_error=False).dagster_run


def context_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.RunStatusSensorContext:
    """What the sensor is given for a run that has ended."""
    ended = {dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE}
    (record,) = instance.get_records_for_run(run.run_id, of_type=ended).records
    event = record.event_log_entry.dagster_event
    assert event
    return dg.build_run_status_sensor_context(
        sensor_name="failed_checks", dagster_instance=instance, dagster_run=run, dagster_event=event
    )


def test_rows_refused_for_days_are_told_once_and_again_when_they_are_more(
    webhook: tuple[str, list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted = webhook
    monkeypatch.setenv(URL_VARIABLE, url)
    with dg.DagsterInstance.ephemeral() as instance:
        for waiting in (0, 2, 2, 3, 0, 3):
            failed_checks()(context_of(instance, run(instance, waiting=waiting)))
    said = "activation/vips fails no_row_is_refused_for_days: rows refused or not taken for 3 days: "
    assert [message["text"] for message in posted] == [f"{said}2", f"{said}3", f"{said}3"]
    assert posted[0]["failed_checks"] == [f"{said}2"]


def test_a_check_that_warns_is_told_when_it_begins_to_fail(
    webhook: tuple[str, list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted = webhook
    monkeypatch.setenv(URL_VARIABLE, url)
    with dg.DagsterInstance.ephemeral() as instance:
        for waiting in (0, 2, 3, 0, 3):
            failed_checks()(context_of(instance, run(instance, waiting=waiting, severity="WARN")))
    assert [str(message["text"]).rpartition(" ")[2] for message in posted] == ["2", "3"]


def test_a_failed_run_tells_its_failed_checks_with_it() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        said = alert(context_of(instance, run(instance, waiting=4, fails=True)).for_run_failure())
    steps, checks = str(said["text"]).split("\n")
    assert steps.endswith("failed: another")
    assert checks.startswith("activation/vips fails no_row_is_refused_for_days")
    assert "anna" not in str(said)


def test_a_chat_that_is_restarting_is_told_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Vendor(None, lambda _: Reply(200), ("content-type", "application/json")) as chat,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        chat.script.extend(["503", "503"])
        monkeypatch.setenv(URL_VARIABLE, chat.url)
        failed_checks()(context_of(instance, run(instance, waiting=1)))
    assert len(chat.requests) == 3
