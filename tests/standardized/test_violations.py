"""Violations: counted by rule and day with masked samples, dropped or kept out as the plan says; jumps are told."""

import json
from typing import Any

import pytest

from cdp_assets.standardized.violations import jumped
from tests.small_company import SmallCompany, day, metadata_of

WEB = """
    name: web
    description: Web site
    streams:
      calls:
        description: One row for each call
        files: web/{date}*.ndjson
        format: ndjson
        columns: {id: , event: , properties: , at: , version: }
        events:
          - name_from: event
            id: id
            occurred_at: at
            plan_version: version
            revenue: properties->>'total'
            properties: {email: properties->>'email'}
"""
PLAN = """
    sources: [web]
    events:
      Bought:
        version: 2-0-0
        schema:
          required: [total]
          properties:
            total: {type: number, x-on-violation: drop}
            email: {type: string, format: email, x-pii: contact}
            coupon: {type: string, pattern: '^[A-Z]+$'}
          additionalProperties: false
"""
OLDER = {
    "title": "Bought",
    "x-sources": ["web"],
    "self": {"version": "1-0-0"},
    "properties": {"total": {"type": "string"}},
}


@pytest.fixture
def web(company: SmallCompany) -> SmallCompany:
    """A company whose web site has a tracking plan."""
    company.declare("sources/web.yaml", WEB)
    company.declare("tracking_plan/web.yaml", PLAN)
    return company


def land(company: SmallCompany, number: int, *calls: Any) -> None:
    """Each call: properties of a purchase, or other fields of the call."""
    rows = []
    for i, call in enumerate(calls):
        fields = call if isinstance(call, dict) and "event" in call else {"event": "Bought", "properties": call}
        rows.append({"id": f"e{number}-{i}", "at": f"2026-03-0{number}T08:00:00Z"} | fields)
    company.land(f"web/2026-03-0{number}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))


def violations(
    company: SmallCompany, columns: str = "property, rule, action, events, samples"
) -> list[tuple[Any, ...]]:
    return company.query(f"SELECT {columns} FROM lake.standardized.violations ORDER BY ALL")


def test_violations_are_counted_by_rule_with_samples_that_show_no_value(web: SmallCompany) -> None:
    good = {"total": 5, "email": "ada@example.com"}
    land(
        web, 1, good, {"total": "5 pounds", "email": "Ada Lovell"}, {}, {"total": 1, "coupon": "Spring 26"},
        {"total": 1, "coupon": "9"}, {"total": 1, "ada@example.com": 1, "gift_wrap": True}, "not an object",
    )  # fmt: skip
    web.bring("events")
    assert violations(web) == [
        ("", "additionalProperties", "report", 1, ["xxx@xxxxxxx.xxx, gift_wrap"]),
        ("", "type", "report", 1, []),
        ("coupon", "pattern", "report", 2, ["9", "Xxxxxx 99".lower()]),
        ("email", "format", "report", 1, []),
        ("total", "required", "drop", 1, []),
        ("total", "type", "drop", 1, ["9 xxxxxx"]),
    ]
    assert web.query("FROM lake.standardized.checked_events") == [("web", "web__calls", day(1), 7, 6)]
    assert web.query("SELECT reasons FROM lake.standardized.quarantine") == [(["revenue is not a number"],)]
    assert web.one("SELECT count(*) FROM lake.standardized.events") == 6


def test_a_dropped_property_is_gone_wherever_it_was_mapped_to(web: SmallCompany) -> None:
    land(web, 1, {"total": "12.5", "email": "a@b.c"}, {"total": 12.5, "email": "a@b.c"})
    web.bring("events")
    found = web.query("SELECT revenue, properties ->> 'email' FROM lake.standardized.events ORDER BY event_id")
    assert [(revenue and float(revenue), email) for revenue, email in found] == [(None, "a@b.c"), (12.5, "a@b.c")]
    assert web.query("SELECT properties ->> 'total' FROM lake.raw.web__calls ORDER BY id") == [("12.5",), ("12.5",)]


def test_properties_that_are_not_in_the_plan_can_be_dropped(web: SmallCompany) -> None:
    others = "additionalProperties: false"
    web.amend("tracking_plan/web.yaml", others, f"{others}\n      x-on-violation: drop")
    web.amend("sources/web.yaml", "properties: {email: properties->>'email'}", "properties: {all: properties}")
    land(web, 1, {"total": 1, 'o"dd': {"a": 1}, "x": None})
    web.bring("events")
    assert json.loads(web.one("SELECT properties ->> 'all' FROM lake.standardized.events")) == {"total": 1}


@pytest.mark.parametrize(
    ("policy", "kept", "told"), [("allow", 2, []), ("report", 2, ["Clicked"]), ("quarantine", 0, ["Clicked"])]
)
def test_events_that_are_not_in_the_plan_are_treated_as_it_says(
    web: SmallCompany, policy: str, kept: int, told: list[str]
) -> None:
    web.amend("tracking_plan/web.yaml", "sources: [web]", f"sources: [web]\nunplanned: {policy}")
    land(web, 1, {"event": "Clicked"}, {"event": "Clicked"}, {"total": 1})
    web.bring("events")
    assert web.one("SELECT count(*) FROM lake.standardized.events WHERE event_name = 'Clicked'") == kept
    assert [name for (name,) in violations(web, "event_name")] == told
    reasons = web.query("SELECT DISTINCT reasons FROM lake.standardized.quarantine")
    assert reasons == ([(["tracking plan: the event is not in it"],)] if policy == "quarantine" else [])


def test_an_event_is_held_against_the_version_that_it_names_or_the_latest(web: SmallCompany) -> None:
    web.declare("tracking_plan/bought-1-0-0.json", json.dumps(OLDER))
    given = [("1-0-0", "5"), ("2-0-0", "5"), (None, "5"), ("9-0-0", 5)]
    land(web, 1, *({"event": "Bought", "version": version, "properties": {"total": total}} for version, total in given))
    web.bring("events")
    assert violations(web, "plan_version, rule, event_ids") == [
        ("2-0-0", "type", ["e1-1", "e1-2"]),
        (None, "unplanned", ["e1-3"]),
    ]


def test_making_a_day_again_counts_the_same_and_a_mended_plan_counts_anew(web: SmallCompany) -> None:
    land(web, 1, {"total": "1"})
    web.bring("events")
    before = violations(web)
    web.bring("events")
    assert violations(web) == before
    web.amend("tracking_plan/web.yaml", "total: {type: number", "total: {type: [number, string]")
    web.bring("events")
    assert violations(web) == []


def test_the_page_shows_violations_by_rule_and_by_day(web: SmallCompany) -> None:
    land(web, 1, {"total": "a|b"}, {"total": 5})
    land(web, 2, {"total": "x"})
    shown = metadata_of(web.materialize(days=(1, 2)), "standardized/violations")
    assert "| web | Bought | total | type | drop | 2 | 1 | x · x\\|x |" in shown["by_rule"]
    assert "| 2026-03-01 | web | 2 | 1 | 50.0 % |" in shown["by_day"]


def test_a_jump_is_a_warning_of_its_rule(web: SmallCompany) -> None:
    land(web, 1, {"total": "1"})
    for number in (2, 3, 4):
        land(web, number, {"total": 1})
    land(web, 5, *[{"total": "1"}] * 50, {})

    def check(days: tuple[int, ...]) -> Any:
        web.materialize("raw/web__calls", "standardized/events", days=days)
        (result,) = web.materialize("standardized/violations").get_asset_check_evaluations()
        return result

    assert check((1, 4)).passed
    jumped = check((5,))
    assert not jumped.passed
    assert jumped.description == "web__calls, Bought: total (type) 50 times on 2026-03-05, usual: 0 to 20"


@pytest.mark.parametrize(
    ("count", "history", "is_jump"),
    [
        (10_000, [0, 0], False),
        (20, [0, 0, 0], False),
        (21, [0, 0, 0], True),
        (900, [1000] * 9, False),
        (1400, [1000] * 9, True),
    ],
)
def test_a_jump_is_far_above_what_was_usual_and_needs_a_history(count: int, history: list[int], is_jump: bool) -> None:
    assert (jumped(count, history) is not None) == is_jump


def test_without_a_plan_there_is_neither_asset_nor_table(company: SmallCompany) -> None:
    assert "standardized/violations" not in {asset.key.to_user_string() for asset in company.assets()}
    company.bring("events")
    tables = company.query("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'")
    assert ("violations",) not in tables


def test_violations_of_a_day_add_up_over_its_files(web: SmallCompany) -> None:
    """As if all its events had come in one file."""
    calls = [{}, {"total": 1, "coupon": "Spring 26"}, {"total": "5"}, {"total": 2}, {"total": 3, "colour": "red"}, {}]
    told = "* EXCLUDE (event_ids), list_transform(event_ids, lambda id: right(id, 1)) AS ids"
    checked = "SELECT * FROM lake.standardized.checked_events"
    for name, some in (("a", calls[:2]), ("b", calls[2:3]), ("c", calls[3:])):
        start = {"a": 0, "b": 2, "c": 3}[name]
        rows = [
            {"id": f"e1-{start + i}", "at": "2026-03-01T08:00:00Z", "event": "Bought", "properties": call}
            for i, call in enumerate(some)
        ]
        web.land(f"web/2026-03-01{name}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        web.bring("events")
    found, counted = violations(web, told), web.query(checked)
    assert [events for *_, events in web.query("SELECT sum(events), sum(violating) FROM (" + checked + ")")] == [5]
    web.lake.write(lambda con: con.execute("DELETE FROM lake.standardized.made_of") and None)
    web.bring("events")
    assert (found, counted) == (violations(web, told), web.query(checked))
