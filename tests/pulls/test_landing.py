"""From the source to the lake: whatever breaks on the way, nothing is lost, and nothing is there twice."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import cdp_assets
from cdp_assets import pulls, raw
from cdp_assets.pulls.streams import landing_day
from cdp_assets.raw import streams
from cdp_resources.sources import pulled
from sensors import automation
from tests.pulls.conftest import use
from tests.pulls.vendors import TOKEN, Reports, serving
from tests.small_company import SmallCompany, day

PULL, RAW = "pulls/engagement__activity", "raw/engagement__activity"


def report(number: int) -> dict[str, Any]:
    at = f"2026-03-31T0{number}:00:00Z"
    return {"id": number, "email": "ann@example.com", "type": "opened", "campaign": "x", "occurred_at": at}


@pytest.fixture
def reports(pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reports]:
    use(pulling, "engagement")
    with serving(Reports()) as vendor:
        assert isinstance(vendor, Reports)
        monkeypatch.setenv("ENGAGEMENT_URL", vendor.url)
        monkeypatch.setenv("ENGAGEMENT_TOKEN", TOKEN)
        vendor.rows["activity"] = [report(n) for n in range(3)]
        yield vendor


def broken_off(*_arguments: object, **_named: object) -> None:
    raise OSError("the machine went down")


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (pulled, "write_rows"),
        (pulled, "land"),
        (Path, "replace"),  # the state is there, and its file is not
        (pulled, "_oddities"),  # the file has landed, and nobody knows
        (streams, "load"),
        (streams, "table_metadata"),  # loaded, but not committed
    ],
)
def test_a_crash_anywhere_loses_nothing_and_brings_nothing_twice(
    pulling: SmallCompany, reports: Reports, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str
) -> None:
    pulling.materialize(PULL, RAW, days=(31,))
    reports.rows["activity"].append(report(3))
    with monkeypatch.context() as crashing:
        crashing.setattr(owner, step, broken_off)
        assert not pulling.materialize(PULL, RAW, days=(31,), raises=False).success
    reports.rows["activity"].append(report(4))
    pulling.materialize(PULL, RAW, days=(31,))
    assert pulling.query("SELECT id, count(*) FROM lake.raw.engagement__activity GROUP BY id ORDER BY id") == [
        (str(n), 1) for n in range(5)
    ]


@pytest.mark.parametrize(("wanted", "today", "filed"), [(9, 9, 9), (8, 9, 8), (7, 9, 9), (1, 31, 31)])
def test_what_comes_for_an_old_day_is_filed_under_today(
    company: SmallCompany, wanted: int, today: int, filed: int
) -> None:
    assert landing_day(day(wanted), company.model.company, day(today)) == day(filed)


def test_a_company_that_has_ended_files_under_its_last_day(company: SmallCompany) -> None:
    assert landing_day(day(1), company.model.company, dt.date(2027, 1, 1)) == day(31)


def test_raw_streams_come_after_their_pull_and_others_have_none(pulling: SmallCompany) -> None:
    use(pulling, "engagement")
    use(pulling, "files")
    model = pulling.model
    assert [asset.key.path for asset in pulls.assets(model)] == [["pulls", "engagement__activity"]]
    found = {asset.key.path[-1]: asset for asset in raw.assets(model)}
    (spec,) = found["engagement__activity"].specs
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["pulls", "engagement__activity"])]
    assert not next(iter(found["crm__customers"].specs)).deps


def test_the_state_of_a_pull_holds_no_personal_data(pulling: SmallCompany, reports: Reports) -> None:
    pulling.materialize(PULL, days=(31,))
    (state,) = pulling.landing.rglob(f"*{pulled.STATE}")
    assert "2026-03-31T02:00:00Z" in state.read_text()
    assert "ann" not in state.read_text()


def test_sources_are_asked_by_a_job_of_their_own_so_that_one_that_is_down_stops_nothing_else(
    pulling: SmallCompany,
) -> None:
    use(pulling, "engagement")
    with dg.DagsterInstance.ephemeral():
        definitions = dg.Definitions.merge(
            dg.Definitions(assets=cdp_assets.assets(pulling.model), resources={"lake": pulling.lake, "company": None}),
            automation(pulling.model),
        )
    repository = definitions.get_repository_def()
    asked = {key.path[0] for key in repository.get_job("pulls").asset_layer.selected_asset_keys}
    daily = {key.path[0] for key in repository.get_job("daily").asset_layer.selected_asset_keys}
    assert asked == {"pulls"}
    assert "raw" in daily
    assert "pulls" not in daily
    assert repository.has_schedule_def("pulls_at_four")
