"""Failed runs are told to people."""

import os

import dagster as dg
import requests

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
