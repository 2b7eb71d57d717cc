"""Columns that come, go or change their type: kept and reported, or refused where the schema is frozen."""

import pytest

from cdp_assets.raw.drift import retyped_columns
from tests.small_company import SmallCompany, csv

EVENTS = "raw/shop__events"
HEADER = "id,who,what,at,sent,received,amount,currency"


@pytest.fixture
def known(company: SmallCompany) -> SmallCompany:
    """A company whose stream of events has one day."""
    company.land("events/2026-03-01.csv", csv(HEADER, "1,a,bought,2026-03-01,,,5,EUR"))
    company.materialize(EVENTS)
    return company


def said(company: SmallCompany) -> str:
    (check,) = company.materialize(EVENTS, days=(2,)).get_asset_check_evaluations()
    return str(check.description)


def test_a_new_column_is_kept_and_reported(known: SmallCompany) -> None:
    known.land("events/2026-03-02.csv", csv(f"{HEADER},coupon", "2,a,bought,2026-03-02,,,5,EUR,SPRING"))
    assert "columns that were never there before, and are kept: coupon" in said(known)
    assert known.query("SELECT coupon FROM lake.raw.shop__events ORDER BY id") == [(None,), ("SPRING",)]


def test_a_new_column_is_reported_once(known: SmallCompany) -> None:
    known.land("events/2026-03-02.csv", csv(f"{HEADER},coupon", "2,a,bought,2026-03-02,,,5,EUR,SPRING"))
    said(known)
    known.land("events/2026-03-02.csv", csv(f"{HEADER},coupon", "3,a,bought,2026-03-02,,,5,EUR,SPRING"))
    assert said(known) == "as declared"


def test_a_frozen_schema_refuses_a_column_that_is_not_declared(known: SmallCompany) -> None:
    known.amend("sources/shop.yaml", "country: DE", "country: DE\nschema: freeze")
    known.land("events/2026-03-02.csv", csv(f"{HEADER},amuont", "2,a,bought,2026-03-02,,,5,EUR,1"))
    failure = known.failure(EVENTS, days=(2,))
    assert "events/2026-03-02.csv: columns that are not declared: `amuont`; did you mean `amount`?" in failure
    assert known.one("SELECT count(*) FROM lake.raw.shop__events") == 1
    known.amend("sources/shop.yaml", "currency: }", "currency: , amuont: }")
    known.materialize(EVENTS, days=(2,))
    assert known.one("SELECT count(*) FROM lake.raw.shop__events") == 2


def test_a_column_that_vanishes_warns_and_only_the_rows_that_need_it_suffer(known: SmallCompany) -> None:
    known.land("events/2026-03-02.csv", csv("id,who,what,at", "2,a,bought,2026-03-02", "3,b,seen,2026-03-02"))
    assert "column `amount` is missing" in said(known)
    known.bring("events", days=(1, 2))
    assert known.one("SELECT count(*) FROM lake.standardized.events") == 3


def test_a_column_that_changes_its_type_puts_only_the_rows_that_suffer_into_quarantine(known: SmallCompany) -> None:
    rows = ("2,a,bought,2026-03-02,,,five,EUR", "3,a,bought,2026-03-02,,,6,EUR")
    known.land("events/2026-03-02.csv", csv(HEADER, *rows))
    known.bring("events", days=(1, 2))
    assert known.query("SELECT event_id FROM lake.standardized.events ORDER BY ALL") == [("1",), ("3",)]
    assert known.query("SELECT reasons FROM lake.standardized.quarantine") == [(["revenue is not a number"],)]


def test_a_column_that_changes_its_type_warns(company: SmallCompany) -> None:
    for day, amount in ((1, "5"), (2, "five")):
        rows = [f"{day}{n},a,bought,2026-03-0{day},,,{amount},EUR" for n in range(12)]
        company.land(f"events/2026-03-0{day}.csv", csv(HEADER, *rows))
    company.materialize(EVENTS)
    assert "column `amount` held numbers before, and 100% of its values are none now" in said(company)


@pytest.mark.parametrize(("share", "warned"), [(1.0, False), (0.6, False), (0.4, True), (0.0, True)])
def test_a_column_is_retyped_when_most_of_its_values_are(share: float, warned: bool) -> None:
    assert bool(retyped_columns({"a": {"numbers": 1.0}}, {"a": {"numbers": share}})) is warned
    assert not retyped_columns({"a": {"numbers": 0.9}, "b": {"numbers": 1.0}}, {"a": {"numbers": share}})
