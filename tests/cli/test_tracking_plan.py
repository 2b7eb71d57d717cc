"""`cdp plan`: a file is told line by line what it breaks, and a draft of what was seen is a plan that it keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdp_model.load import load_model
from tests.cli.conftest import cdp
from tests.small_company import SmallCompany
from tests.standardized.test_violations import PLAN, WEB


@pytest.fixture
def web(company: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> SmallCompany:
    """A company whose web site sends events, as the command finds it."""
    company.declare("sources/web.yaml", WEB)
    monkeypatch.setenv("CDP_MODEL", str(company.folder))
    monkeypatch.setenv("CDP_LAKE_CATALOG", company.lake.catalog)
    monkeypatch.setenv("CDP_LAKE_DATA", company.lake.data_path)
    return company


def plan(company: SmallCompany, text: str) -> None:
    """Declare a plan; commands load a model once a process."""
    company.declare("tracking_plan/web.yaml", text)
    load_model.cache_clear()


def events(company: SmallCompany, *calls: Any) -> Path:
    path = company.root / "events.ndjson"
    path.write_text("".join((call if isinstance(call, str) else json.dumps(call)) + "\n" for call in calls))
    return path


def test_each_violation_is_told_with_line_event_property_rule_and_action(web: SmallCompany) -> None:
    plan(web, PLAN)
    good = {"event": "Bought", "properties": {"total": 1}}
    bad = {"event": "Bought", "properties": {"total": "1", "color": "red"}}
    result = cdp("plan", "check", events(web, good, bad, "", {"batch": [good, {"event": "Clicked"}]}, "nonsense", {}))
    assert result.exit_code == 1
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]
    assert rows == [
        ["2", "Bought", "", "has properties that are not in the plan (additionalProperties): color", "report"],
        ["2", "Bought", "total", "is not of type number (type)", "drop"],
        ["4", "Clicked", "", "the event is not in the plan", "report"],
        ["5", "", "", "not a JSON object", "quarantine"],
        ["6", "", "", "the event has no name", "quarantine"],
    ]
    assert "4 of 6 events break the plan" in result.output


def test_a_file_that_keeps_to_the_plan_is_fine(web: SmallCompany) -> None:
    plan(web, PLAN)
    result = cdp("plan", "check", events(web, {"event": "Bought", "properties": {"total": 1}}), "--stream", "web.calls")
    assert (result.exit_code, result.output) == (0, "1 events keep to the plan\n")


def test_what_cannot_be_checked_says_what_to_do(web: SmallCompany) -> None:
    assert "there is no tracking plan" in cdp("plan", "check", events(web)).output
    plan(web, PLAN.replace("[web]", "[web, shop]"))
    assert "there is no such file" in cdp("plan", "check", web.root / "nowhere").output
    told = cdp("plan", "check", events(web)).output
    assert "name the stream that these events are sent to: --stream shop.events or web.calls" in told
    assert "did you mean `web.calls`?" in cdp("plan", "check", events(web), "--stream", "web.call").output


def test_a_draft_is_a_plan_that_what_was_seen_keeps(web: SmallCompany) -> None:
    calls = [
        {"id": f"e{i}", "event": "Bought", "at": "2026-03-01T08:00:00Z",
         "properties": {"total": i + 0.5, "currency": "EUR", "email": f"p{i}@example.com", "city": "Berlin"}}
        for i in range(30)
    ]  # fmt: skip
    web.land("web/2026-03-01.ndjson", "".join(json.dumps(call) + "\n" for call in calls))
    web.materialize("raw/web__calls")
    printed = cdp("plan", "infer", "web")
    assert printed.exit_code == 0
    assert "- EUR" in printed.output
    assert "Berlin" not in printed.output
    assert "example.com" not in printed.output
    assert "wrote" in cdp("plan", "infer", "web", "--write", "--rows", "50").output
    assert web.model.tracking_plan["web.yaml"].events.keys() == {"Bought"}
    assert "is there already" in cdp("plan", "infer", "web", "--write").output
    assert cdp("plan", "check", web.landing / "web/2026-03-01.ndjson").exit_code == 0
    assert "did you mean `web`?" in cdp("plan", "infer", "webb").output
