"""Quarantine: what a mended mapping or plan lets out is there once, with its own time, and nothing else is touched."""

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from tests.small_company import SmallCompany, broken_facts, csv, day, metadata_of

HEADER = "id,who,what,at,sent,received,amount,currency"
PLAN = """
    sources: [shop]
    unplanned: allow
    events:
      Bought:
        on_violation: quarantine
        schema:
          required: [amount]
          properties:
            amount: {type: number, minimum: 0, maximum: 100}
"""
QUARANTINE = "standardized/quarantine"


@pytest.fixture
def planned(company: SmallCompany) -> SmallCompany:
    """Three days of events; the plan refuses one of the first and one of the third day."""
    company.amend("sources/shop.yaml", "properties: {what: what}", "properties: {amount: amount::double}")
    company.declare("tracking_plan/shop.yaml", PLAN)
    for number, amounts in ((1, (5, 500)), (2, (7, 8)), (3, (-1, 9))):
        rows = [
            f"e{number}{i},1,Bought,2026-03-0{number} 08:00:0{i},,,{amount},EUR" for i, amount in enumerate(amounts)
        ]
        company.land(f"events/2026-03-0{number}.csv", csv(HEADER, *rows))
    company.materialize(days=(1, 2, 3))
    return company


def refused(company: SmallCompany) -> list[tuple[Any, ...]]:
    return company.query("SELECT payload ->> 'id', reasons, _day FROM lake.standardized.quarantine ORDER BY ALL")


def occurred(company: SmallCompany) -> dict[str, dt.datetime]:
    return dict(company.query("SELECT event_id, occurred_at FROM lake.standardized.events"))


def days_made(result: dg.ExecuteInProcessResult) -> list[str | None]:
    events = [e for e in result.get_asset_materialization_events() if e.asset_key and e.asset_key.path[-1] == "events"]
    return [event.partition for event in events]


def test_what_the_plan_refuses_is_in_quarantine_with_its_rule(planned: SmallCompany) -> None:
    assert refused(planned) == [
        ("e11", ["tracking plan: amount: is more than 100 (maximum)"], day(1)),
        ("e30", ["tracking plan: amount: is less than 0 (minimum)"], day(3)),
    ]
    assert occurred(planned).keys() == {"e10", "e20", "e21", "e31"}


def test_a_mended_plan_lets_out_what_is_valid_now_once_and_with_its_own_time(planned: SmallCompany) -> None:
    planned.amend("tracking_plan/shop.yaml", "minimum: 0, maximum: 100", "")
    result = planned.materialize(QUARANTINE)
    assert not broken_facts(result)
    assert metadata_of(result, QUARANTINE)["let_out"] == 2
    assert days_made(result) == ["2026-03-01", "2026-03-03"], "exactly the days with refused rows"
    assert refused(planned) == []
    found = occurred(planned)
    assert found["e11"] == dt.datetime(2026, 3, 1, 8, 0, 1, tzinfo=dt.UTC)
    assert found["e30"] == dt.datetime(2026, 3, 3, 8, 0, 0, tzinfo=dt.UTC)
    state = planned.state()
    again = planned.materialize(QUARANTINE)
    assert metadata_of(again, QUARANTINE)["let_out"] == 0
    assert days_made(again) == []
    assert planned.state() == state
    planned.materialize(days=(1, 2, 3))
    assert planned.state() == state


def test_a_plan_that_is_mended_in_part_lets_out_that_part(planned: SmallCompany) -> None:
    planned.amend("tracking_plan/shop.yaml", "minimum: 0, maximum: 100", "minimum: 0")
    planned.materialize(QUARANTINE)
    assert [payload for payload, *_ in refused(planned)] == ["e30"]
    assert not days_made(planned.materialize(QUARANTINE)), "nothing is tried twice against the same plan"


def test_a_mended_mapping_lets_rows_out_too(company: SmallCompany) -> None:
    company.land("events/2026-03-02.csv", csv(HEADER, "e1,1,Bought,01.03.2026,,,5,EUR", "e2,too,few"))
    company.materialize(days=(1, 2))
    company.amend("sources/shop.yaml", "occurred_at: at\n", "occurred_at: try_strptime(at, '%d.%m.%Y')\n")
    company.materialize(QUARANTINE)
    assert occurred(company) == {"e1": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}
    assert len(refused(company)) == 1
    company.amend("sources/shop.yaml", "currency: currency\n", "currency: upper(currency)\n")
    assert not days_made(company.materialize(QUARANTINE)), "a line that cannot be read is not tried again"


def test_consents_are_let_out_as_events_are(company: SmallCompany) -> None:
    company.land("people/2026-03-01.csv", csv("id,news,updated_at", "1,ja,2026-03-01"))
    company.materialize()
    assert company.one("SELECT count(*) FROM lake.standardized.consents") == 0
    company.amend("sources/shop.yaml", "granted: news", "granted: news = 'ja'")
    company.materialize(QUARANTINE)
    assert company.query("SELECT status, _day FROM lake.standardized.consents") == [("granted", day(1))]
