"""A stream that brings nothing although it always does is seen, until somebody says that it is right."""

import datetime as dt

import pytest

from cdp_assets.raw.empty_streams import approve, empty_streams
from tests.small_company import SmallCompany, csv

HEADER, ROW = "id,who,what,at,sent,received,amount,currency", "1,a,b,2026-03-01,,,5,EUR"
NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def landed(company: SmallCompany, counts: dict[int, int]) -> None:
    for number, rows in counts.items():
        company.land(f"events/2026-03-{number:02}.csv", csv(HEADER, *[ROW] * rows))
    company.materialize("raw/shop__events", days=counts)


def found(company: SmallCompany, now: dt.datetime = NOON) -> list[str]:
    with company.lake.reading() as con:
        return [str(one) for one in empty_streams(con, company.model, now)]


def approved(company: SmallCompany, now: dt.datetime = NOON) -> None:
    def write(con: object) -> None:
        approve(con, empty_streams(con, company.model, now), "ada", "the shop was closed")  # type: ignore[arg-type]

    company.lake.write(write)


def test_a_file_without_rows_where_rows_are_usual_is_told_until_it_is_approved(company: SmallCompany) -> None:
    landed(company, dict.fromkeys(range(1, 9), 100) | {9: 0})
    (said,) = found(company)
    assert said == "raw/shop__events brings nothing (0 rows on Monday, 2026-03-09; usual: 60 to 140)"
    approved(company)
    assert found(company) == []
    landed(company, {10: 100, 11: 0})
    assert found(company, NOON + dt.timedelta(days=1)) == []
    assert len(found(company, NOON + dt.timedelta(days=2))) == 1, "another day is another silence"


@pytest.mark.parametrize("counts", [{9: 30}, {9: 0, 8: 0, 7: 0, 6: 0, 5: 0, 4: 0}])
def test_few_rows_are_some_and_none_may_be_usual(company: SmallCompany, counts: dict[int, int]) -> None:
    landed(company, dict.fromkeys(range(1, 9), 100) | counts)
    assert found(company) == []


def test_a_stream_that_is_silent_for_longer_than_declared_brings_nothing(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "files: events", "arrivals: {within: 2 hours}\n    files: events")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    landed(company, {1: 0})
    assert found(company, later) == [], "there never were rows"
    landed(company, {2: 3})
    assert found(company, later) == ["raw/shop__events brings nothing (silent for 3 hours; declared: at most 2 hours)"]
    approved(company, later)
    assert found(company, later + dt.timedelta(days=1)) == []
    company.amend("sources/shop.yaml", "{within: 2 hours}", "{watched: false}")
    assert found(company, later) == []
