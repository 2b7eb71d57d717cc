"""What starts a run, and what does not."""

import datetime as dt
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import cdp_assets
from cdp_assets import raw, standardized
from cdp_model.model import Model
from cdp_model.sources import Source
from cdp_model.syncs import Sync
from cdp_resources.company import Company
from cdp_resources.destinations.files import Files
from cdp_resources.lake import Lake
from cdp_resources.sources.files import LandedFile
from sensors.alerts import URL_VARIABLE, alert, failed_runs
from sensors.flow import automation
from sensors.fresh import FRESH, newest_events
from sensors.landing import landing_files, run_requests
from sensors.overrides import corrections_file, overrides_file
from sensors.segments import segment_changes, syncs_of
from tests.profiles.conftest import model

CONTACTS = dg.AssetKey(["raw", "crm__contacts"])
ORDERS = dg.AssetKey(["raw", "shop__orders"])
PARTITIONS = {"2026-01-01", "2026-01-02"}


def landed(name: str, day: int, size: int = 1) -> LandedFile:
    return LandedFile(name, name, dt.date(2026, 1, day), size, "1")


def test_new_files_of_a_day_start_one_run_for_their_streams_and_the_day_s_events() -> None:
    requests = list(run_requests([(CONTACTS, landed("a", 1)), (ORDERS, landed("b", 1))], PARTITIONS))
    assert [request.partition_key for request in requests] == ["2026-01-01"]
    assert set(requests[0].asset_selection or []) == {
        CONTACTS,
        ORDERS,
        dg.AssetKey(["standardized", "events"]),
        dg.AssetKey(["standardized", "consents"]),
    }


def test_the_same_files_have_the_same_run_key_and_a_rewritten_one_another() -> None:
    once, again, rewritten = (
        next(run_requests([(CONTACTS, file)], PARTITIONS)).run_key
        for file in (landed("a", 1), landed("a", 1), landed("a", 1, size=2))
    )
    assert once == again != rewritten


def test_files_of_days_that_are_no_partition_start_nothing() -> None:
    assert not list(run_requests([(CONTACTS, landed("a", 9))], PARTITIONS))


@pytest.fixture
def company(tmp_path: Path) -> Model:
    """One source, one segment, two syncs, and a landing folder below tmp_path."""
    source = Source.model_validate(
        {
            "name": "crm",
            "description": "CRM",
            "streams": {
                "contacts": {"description": "c", "files": "crm/{date}.csv", "format": "csv", "columns": {"id": None}}
            },
        }
    )
    sync = {"description": "s", "destination": "files", "consent": None, "legal_basis": "x", "key": "email"}
    base = model()
    settings = base.company.model_copy(update={"landing": str(tmp_path / "landing"), "end_date": dt.date(2026, 1, 31)})
    return base.model_copy(
        update={
            "company": settings,
            "sources": {"crm": source},
            "destinations": {"files": Files(type="file", folder=str(tmp_path / "out"))},
            "syncs": {
                "buyers_out": Sync.model_validate(sync | {"segment": "buyers", "fields": {"e": "email"}}),
                "others_out": Sync.model_validate(sync | {"segment": "others", "fields": {"e": "email"}}),
            },
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))


def tick(company: Model, lake: Lake, instance: dg.DagsterInstance | None = None) -> Any:
    sensor = landing_files(company)
    definitions = dg.Definitions(
        assets=[*raw.assets(company), *standardized.assets(company)], sensors=[sensor], resources={"lake": lake}
    )
    with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as present:
        context = dg.build_sensor_context(instance=present, definitions=definitions, resources={"lake": lake})
        return sensor.evaluate_tick(context)


def test_the_landing_sensor_says_why_it_does_nothing(company: Model, lake: Lake, tmp_path: Path) -> None:
    missing = tick(company, lake)
    assert "does not exist" in (missing.skip_message or "")
    (tmp_path / "landing" / "crm").mkdir(parents=True)
    assert "no new file" in (tick(company, lake).skip_message or "")


def test_the_landing_sensor_asks_for_the_day_of_a_new_file_before_there_is_a_lake(
    company: Model, lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "landing" / "crm"
    folder.mkdir(parents=True)
    (folder / "2026-01-05.csv").write_text("id\n1\n")
    found = tick(company, lake)
    assert [request.partition_key for request in found.run_requests or []] == ["2026-01-05"]


def test_only_the_syncs_of_changed_segments_are_concerned(company: Model) -> None:
    assert syncs_of(company, {"buyers"}) == ["buyers_out"]
    assert syncs_of(company, set()) == []


@pytest.mark.parametrize(
    ("watched", "name", "table"),
    [
        (overrides_file, "overrides.csv", "identity.links"),
        (corrections_file, "corrections.csv", "profiles.golden_records"),
    ],
)
def test_a_changed_file_of_decisions_starts_one_run_and_says_otherwise_why_it_does_not(
    lake: Lake, tmp_path: Path, watched: Callable[[], dg.SensorDefinition], name: str, table: str
) -> None:
    sensor, cursor = watched(), None
    file = tmp_path / name

    def look() -> dg.SensorResult | dg.SkipReason:
        nonlocal cursor
        context = dg.build_sensor_context(
            cursor=cursor, resources={"lake": lake, "company": Company(path=str(tmp_path))}
        )
        found = sensor(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        if isinstance(found, dg.SensorResult):
            cursor = found.cursor
        return found

    assert "there is no" in str(look())
    file.write_text("left_key,right_key\n")
    assert "no lake" in str(look())
    with lake.transaction() as con:
        con.execute("CREATE TABLE lake.standardized.x (y INT)")
    assert f"there is no {table} yet" in str(look())
    with lake.transaction() as con:
        con.execute(f"CREATE TABLE lake.{table} (y INT)")
    first, written = look(), file.read_text()
    assert isinstance(first, dg.SensorResult)
    assert len(first.run_requests or []) == 1
    file.write_text(written)
    assert "is as it was" in str(look())
    for text in (f"{written}a:1,a:2\n", written):
        file.write_text(text)
        again = look()
        assert isinstance(again, dg.SensorResult)
        assert [request.run_key for request in again.run_requests or []] == [None]


def test_segment_changes_start_each_sync_concerned_in_a_run_of_its_own_and_once(company: Model, lake: Lake) -> None:
    with lake.transaction() as con:
        con.execute("""CREATE TABLE lake.segments.changes AS
            SELECT DATE '2026-01-05' AS as_of, segment, 'p1' AS person_id, 'entered' AS change
            FROM (VALUES ('buyers'), ('others'), ('unused')) AS changed (segment)""")

    @dg.asset(key=["segments", "changes"], partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    def changes() -> dg.MaterializeResult:
        return dg.MaterializeResult()

    sensor = segment_changes(company)
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([changes], instance=instance, partition_key="2026-01-05")
        context = dg.build_sensor_context(instance=instance, resources={"lake": lake})
        found = sensor.evaluate_tick(context)
        again = sensor.evaluate_tick(
            dg.build_sensor_context(instance=instance, cursor=found.cursor, resources={"lake": lake})
        )
    requests = found.run_requests or []
    asked = [[key.path[1] for key in request.asset_selection or []] for request in requests]
    assert asked == [["buyers_out", "deliveries", "rejections"], ["others_out", "deliveries", "rejections"]]
    assert not again.run_requests


@pytest.mark.parametrize(
    ("job", "started"), [("daily", []), ("daily_without_syncs", ["buyers_out", "everyone_out", "others_out"])]
)
def test_after_the_scheduled_run_of_a_day_every_sync_starts_in_a_run_of_its_own(
    company: Model, lake: Lake, job: str, started: list[str]
) -> None:
    everyone = company.syncs["buyers_out"].model_copy(update={"segment": None})
    company = company.model_copy(update={"syncs": {**company.syncs, "everyone_out": everyone}})
    with lake.transaction() as con:
        con.execute("CREATE TABLE lake.segments.changes (as_of DATE, segment VARCHAR)")

    @dg.asset(key=["segments", "changes"], partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    def changes() -> dg.MaterializeResult:
        return dg.MaterializeResult()

    definitions = dg.Definitions(assets=[changes], jobs=[dg.define_asset_job(job, selection=[changes])])
    with dg.DagsterInstance.ephemeral() as instance:
        definitions.resolve_job_def(job).execute_in_process(instance=instance, partition_key="2026-01-05")
        found = segment_changes(company).evaluate_tick(
            dg.build_sensor_context(instance=instance, resources={"lake": lake})
        )
    assert [
        key.path[1] for request in found.run_requests or [] for key in (request.asset_selection or [])[:1]
    ] == started


def test_the_scheduled_run_of_a_day_leaves_the_syncs_to_runs_of_their_own(company: Model, lake: Lake) -> None:
    repository = dg.Definitions.merge(
        dg.Definitions(assets=cdp_assets.assets(company), resources={"lake": lake, "company": None}),
        automation(company),
    ).get_repository_def()
    scheduled = repository.get_schedule_def("daily_at_five").job_name
    groups = {key.path[0] for key in repository.get_job(scheduled).asset_layer.selected_asset_keys}
    assert groups == {"raw", "standardized", "identity", "profiles", "segments"}


def failure_context(instance: dg.DagsterInstance) -> dg.RunFailureSensorContext:
    @dg.op
    def raw__crm__contacts() -> None:
        raise ValueError("anna@example.com is not a number")

    @dg.job
    def daily() -> None:
        raw__crm__contacts()

    result = daily.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": "2026-01-05"})
    return dg.build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=next(e for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE),
    ).for_run_failure()


def test_an_alert_names_run_day_and_step_and_no_value_of_the_data() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        said = alert(failure_context(instance))
    assert "of daily for 2026-01-05 failed: raw/crm__contacts" in str(said["text"])
    assert "anna" not in json.dumps(said)


def test_failed_runs_are_posted_where_the_environment_says(
    webhook: tuple[str, list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted = webhook
    monkeypatch.setenv(URL_VARIABLE, url)
    with dg.DagsterInstance.ephemeral() as instance:
        failed_runs()(failure_context(instance))
    assert [message["failed_steps"] for message in posted] == [["raw__crm__contacts"]]


def test_every_job_schedule_and_sensor_has_a_description(company: Model) -> None:
    definitions = automation(company)
    everything = [*(definitions.sensors or []), *(definitions.schedules or []), *(definitions.jobs or [])]
    assert len(everything) >= 8
    assert all(definition.description for definition in everything)


EVENTS = dg.AssetKey(["standardized", "events"])


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """A lake whose newest event is of the fifth."""
    with lake.transaction() as con:
        con.execute("CREATE TABLE lake.standardized.events AS SELECT DATE '2026-01-05' AS _day")
    return lake


def look_for_events(company: Model, lake: Lake, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"lake": lake})
    return newest_events(company)(context)


def standardize(instance: dg.DagsterInstance, job: str = "landing") -> None:
    """A run of ``job`` in which events were standardized."""

    @dg.asset(key=EVENTS)
    def events() -> None:
        """Nothing."""

    made = dg.define_asset_job(job, selection=[events])
    dg.Definitions(assets=[events], jobs=[made]).resolve_job_def(job).execute_in_process(instance=instance)


def test_new_events_start_one_run_for_the_newest_day(company: Model, loaded: Lake) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert "no new events" in look_for_events(company, loaded, instance).skip_message
        standardize(instance)
        found = look_for_events(company, loaded, instance)
        assert [request.partition_key for request in found.run_requests] == ["2026-01-05"]
        again = look_for_events(company, loaded, instance, found.cursor)
        assert "no new events" in again.skip_message


def test_the_daily_run_makes_people_of_its_events_itself(company: Model, loaded: Lake) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        standardize(instance, "daily")
        found = look_for_events(company, loaded, instance)
        assert not found.run_requests
        assert found.cursor


@pytest.mark.parametrize("job", [FRESH, "daily", "__by_hand"])
def test_events_wait_while_people_are_being_made(company: Model, loaded: Lake, job: str) -> None:
    @dg.asset(key=["identity", "record_persons"])
    def people() -> None:
        """Nothing."""

    made = dg.Definitions(assets=[people], jobs=[dg.define_asset_job(job, selection=[people])]).resolve_job_def(job)
    chosen = frozenset({people.key}) if job == "__by_hand" else None
    with dg.DagsterInstance.ephemeral() as instance:
        standardize(instance)
        run = instance.create_run_for_job(made, status=dg.DagsterRunStatus.STARTED, asset_selection=chosen)
        waiting = look_for_events(company, loaded, instance)
        assert "earlier events" in waiting.skip_message
        instance.report_run_canceled(run)
        assert look_for_events(company, loaded, instance).run_requests


def test_files_of_a_day_that_is_being_loaded_wait(company: Model, lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "crm"
    folder.mkdir(parents=True)
    for day in ("2026-01-05", "2026-01-06"):
        (folder / f"{day}.csv").write_text("id\n1\n")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(
            _nothing("load"),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/sensor_name": "landing_files", "dagster/partition": "2026-01-05"},
        )
        found = tick(company, lake, instance)
        assert [request.partition_key for request in found.run_requests] == ["2026-01-06"]
        (folder / "2026-01-06.csv").unlink()
        assert "being loaded: 2026-01-05" in tick(company, lake, instance).skip_message


def _nothing(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Nothing."""

    @dg.job(name=name)
    def job() -> None:
        nothing()

    return job


@pytest.mark.parametrize(
    ("tick", "day"),
    [
        ("2026-01-06T05:00:00+01:00", "2026-01-05"),
        ("2026-02-01T05:00:00+01:00", "2026-01-31"),
        ("2026-02-02T05:00:00+01:00", None),
    ],
)
def test_each_morning_is_for_the_day_that_has_ended_and_none_after_the_last(
    company: Model, tick: str, day: str | None
) -> None:
    (schedule,) = [found for found in automation(company).schedules or [] if found.name == "daily_at_five"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=dt.datetime.fromisoformat(tick))
        found = schedule(context)
    assert (found.partition_key if isinstance(found, dg.RunRequest) else None) == day
