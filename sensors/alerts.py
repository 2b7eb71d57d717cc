"""What people are told: failed runs, and checks that begin to fail. Never a value of the data."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import requests
from dagster import AssetCheckEvaluation, DagsterEventType
from requests.adapters import HTTPAdapter
from urllib3 import Retry

URL_VARIABLE = "CDP_ALERT_WEBHOOK_URL"
NOT_SET = f"{URL_VARIABLE} is not set"
HISTORY = 20
"""So many evaluations of a check are looked through for the one before a run's."""


def failed_runs() -> dg.SensorDefinition:
    """Posts `{"text": …}`, which Slack, Mattermost and most chat tools take as it is."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
        description=f"Reports failed runs to the webhook in {URL_VARIABLE}; does nothing while it is not set",
    )
    def watch(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        return _post(alert(context))

    return watch


def failed_checks() -> dg.SensorDefinition:
    """Of runs that went well otherwise: a failed run's are in its own alert."""

    @dg.run_status_sensor(
        name="failed_checks",
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
        description=f"Reports checks that begin to fail to the webhook in {URL_VARIABLE}; one that fails as an error, "
        "such as rows that a destination has refused for days, again when it says something else",
    )
    def watch(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        failed = news_of(context.instance, context.dagster_run.run_id)
        if not failed:
            return dg.SkipReason("no check failed that has not been told of")
        return _post({"text": "\n".join(failed), **_about(context.dagster_run), "failed_checks": failed})

    return watch


def alert(context: dg.RunFailureSensorContext) -> dict[str, object]:
    """What is said of a failed run: which steps failed and how, never a value of the data."""
    run = context.dagster_run
    steps = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    about = _about(run)
    where = f" for {about['partition']}" if about["partition"] else ""
    failed = ", ".join(step.replace("__", "/", 1) for step in steps) or "before any step"
    checks = news_of(context.instance, run.run_id)
    text = "\n".join([f"Run {run.run_id[:8]} of {run.job_name}{where} failed: {failed}", *checks])
    return {"text": text, **about, "failed_steps": steps, "failed_checks": checks}


def news_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The checks that failed in a run, in words, without those that had been told of before."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    found = [event.asset_check_evaluation_data for event in events if event]
    return [words(one) for one in found if is_news(one, _before(instance, run_id, one))]


def is_news(evaluation: AssetCheckEvaluation, before: AssetCheckEvaluation | None) -> bool:
    """Whether somebody should be told: it fails and did not before; or it is an error, and says something else."""
    if evaluation.passed:
        return False
    if before is None or before.passed:
        return True
    return evaluation.severity == dg.AssetCheckSeverity.ERROR and words(before) != words(evaluation)


def words(evaluation: AssetCheckEvaluation) -> str:
    """What failed, in one line."""
    said = f": {evaluation.description}" if evaluation.description else ""
    return f"{evaluation.asset_key.to_user_string()} fails {evaluation.check_name}{said}"


def _before(instance: dg.DagsterInstance, run_id: str, evaluation: AssetCheckEvaluation) -> AssetCheckEvaluation | None:
    """The evaluation of the same check in the run before."""
    history: Sequence[Any] = instance.event_log_storage.get_asset_check_execution_history(
        evaluation.asset_check_key, limit=HISTORY
    )
    runs = [record.run_id for record in history]
    after_it = history[runs.index(run_id) + 1 :] if run_id in runs else []
    events = (record.event.dagster_event for record in after_it if record.run_id != run_id and record.event)
    return next((event.asset_check_evaluation_data for event in events if event), None)


def _about(run: dg.DagsterRun) -> dict[str, object]:
    partition = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start")
    return {"run_id": run.run_id, "job": run.job_name, "partition": partition}


def _post(message: Mapping[str, object]) -> dg.SkipReason | None:
    """Tell people; a busy or restarting chat tool is asked again, because Dagster would not."""
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return dg.SkipReason(NOT_SET)
    again = Retry(3, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None)
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        session.post(url, json=message, timeout=10).raise_for_status()
    return None
