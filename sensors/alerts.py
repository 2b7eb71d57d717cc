"""Failed runs, and checks that begin to fail, are told to people."""

import os
from collections.abc import Sequence

import dagster as dg
import requests
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

URL_VARIABLE = "CDP_ALERT_WEBHOOK_URL"


def failed_runs() -> dg.SensorDefinition:
    """Posts `{"text": …}`, which Slack, Mattermost and most chat tools take as it is."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
        description=f"Reports failed runs to the webhook in {URL_VARIABLE}; does nothing while it is not set",
    )
    def watch(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        url = os.environ.get(URL_VARIABLE)
        if not url:
            return dg.SkipReason(f"{URL_VARIABLE} is not set")
        requests.post(url, json=alert(context), timeout=10).raise_for_status()
        return None

    return watch


def failed_checks() -> dg.SensorDefinition:
    """Posts the checks that fail and did not the time before: an hourly check that stays red is told once."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="failed_checks",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
        description=f"Reports checks that begin to fail to the webhook in {URL_VARIABLE}; nothing while it is not set",
    )
    def watch(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        url = os.environ.get(URL_VARIABLE)
        if not url:
            return dg.SkipReason(f"{URL_VARIABLE} is not set")
        failed = newly_failed(context.instance, context.dagster_run.run_id)
        if failed:
            requests.post(url, json=checks_alert(failed), timeout=10).raise_for_status()
        return None

    return watch


def newly_failed(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    """The checks that a run found to fail, without those that failed the time before as well."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.get_dagster_event().asset_check_evaluation_data
        if not check.passed:
            history = instance.event_log_storage.get_asset_check_execution_history(check.asset_check_key, limit=2)
            before = history[1:]
            if not before or before[0].status == AssetCheckExecutionRecordStatus.SUCCEEDED:
                found.append(check)
    return found


def checks_alert(failed: Sequence[dg.AssetCheckEvaluation]) -> dict[str, object]:
    """What is said of failed checks: their names and words, which never have a value of the data."""
    told = [f"{c.asset_key.to_user_string()} {c.check_name}: {c.description or 'failed'}" for c in failed]
    return {"text": "\n".join(["Checks that fail now:", *told]), "checks": told}


def alert(context: dg.RunFailureSensorContext) -> dict[str, object]:
    """What is said of a failed run: which steps failed and how, never a value of the data."""
    run = context.dagster_run
    steps = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    partition = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start")
    where = f" for {partition}" if partition else ""
    failed = ", ".join(step.replace("__", "/", 1) for step in steps) or "before any step"
    return {
        "text": f"Run {run.run_id[:8]} of {run.job_name}{where} failed: {failed}",
        "run_id": run.run_id,
        "job": run.job_name,
        "partition": partition,
        "failed_steps": steps,
    }
