"""Arrivals: silence and sudden counts are seen, ordinary days are not, and too little history gives no verdict."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_assets.raw.arrivals import checks, judged, silence, volume
from cdp_assets.usual import usual_counts
from cdp_model import ModelError
from cdp_model.arrivals import Arrivals
from tests.small_company import SmallCompany, csv

NOW = dt.datetime(2026, 3, 30, 12, tzinfo=dt.UTC)
LEARNED = Arrivals()
DAILY = [NOW - dt.timedelta(days=i, hours=7) for i in range(20, -1, -1)]
"""Each morning at five."""
WEEKDAYS = [time for time in DAILY if time.weekday() < 5]


@pytest.mark.parametrize(
    ("arrivals", "later", "passed"),
    [
        (DAILY, dt.timedelta(0), True),
        (DAILY, dt.timedelta(hours=29), True),
        (DAILY, dt.timedelta(hours=31), False),
        (WEEKDAYS, dt.timedelta(hours=31), True),
        (WEEKDAYS, dt.timedelta(days=5), False),
        (DAILY[:7], dt.timedelta(days=90), None),
        ([], dt.timedelta(0), None),
    ],
)
def test_a_stream_is_silent_when_it_is_so_for_longer_than_it_usually_is(
    arrivals: list[dt.datetime], later: dt.timedelta, passed: bool | None
) -> None:
    assert silence(arrivals, NOW + later, LEARNED).passed is passed


def test_one_outage_of_the_past_is_not_taken_to_be_usual() -> None:
    with_outage = DAILY[:8] + DAILY[14:]
    assert silence(with_outage, NOW + dt.timedelta(hours=31), LEARNED).passed is False


def test_a_stream_of_all_day_is_expected_to_be_silent_at_night_only() -> None:
    hours = [NOW - dt.timedelta(hours=i) for i in range(24 * 14, -1, -1)]
    awake = [time for time in hours if 7 <= time.hour <= 22]
    verdict = silence(awake, NOW + dt.timedelta(hours=15), LEARNED)
    assert (verdict.passed, verdict.said) == (False, "silent for 15 hours; usually for up to 9 hours")


def test_a_declared_time_needs_no_history() -> None:
    declared = Arrivals(within="2 hours")
    assert silence([NOW], NOW + dt.timedelta(hours=2), declared).passed is True
    verdict = silence([NOW], NOW + dt.timedelta(hours=3), declared)
    assert (verdict.passed, verdict.said) == (False, "silent for 3 hours; declared: at most 2 hours")
    assert silence([], NOW, declared).passed is False


def days(*counts: int) -> dict[dt.date, int]:
    """Rows of the days up to yesterday; 0: no file."""
    first = NOW.date() - dt.timedelta(days=len(counts))
    return {first + dt.timedelta(days=i): count for i, count in enumerate(counts) if count}


@pytest.mark.parametrize(
    ("counts", "passed"),
    [
        ([1000] * 28 + [1000], True),
        ([1000] * 28 + [500], False),
        ([1000] * 28 + [2000], False),
        ([900, 1100] * 14 + [1290], True),
        ([1000, 1000, 1000, 1000, 1000, 200, 100] * 4 + [1000], True),
        ([1000, 1000, 1000, 1000, 1000, 200, 100] * 4 + [100], False),
        ([1000] * 14 + [400], False),
        ([1000] * 6 + [1], None),
        ([0] * 27 + [1000] + [2], None),
        ([7] * 28 + [3], True),
        ([], None),
    ],
)
def test_a_day_is_unusual_when_it_has_far_fewer_or_more_rows_than_such_days(
    counts: list[int], passed: bool | None
) -> None:
    assert volume(days(*counts), NOW.date(), LEARNED).passed is passed


def test_a_day_that_is_not_over_is_not_judged() -> None:
    assert volume(days(*[1000] * 29) | {NOW.date(): 1}, NOW.date(), LEARNED).passed is True


def test_declared_rows_are_held_to() -> None:
    declared = Arrivals(rows=(10, 20))
    assert volume(days(20), NOW.date(), declared).passed is True
    verdict = volume(days(21), NOW.date(), declared)
    assert (verdict.passed, verdict.said) == (False, "21 rows on Sunday, 2026-03-29; declared: 10 to 20")


@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=30))
def test_the_middle_of_a_history_is_always_usual(history: list[int]) -> None:
    usual = usual_counts(history)
    assert usual
    assert usual.holds(sorted(history)[len(history) // 2])


def verdicts(company: SmallCompany, now: dt.datetime) -> dict[str, Any]:
    stream = company.model.sources["shop"].streams["events"]
    found = judged(company.lake, "raw.shop__events", stream, now, ZoneInfo("Europe/Berlin"))
    return {name: verdict.passed for name, verdict in found.items()}


def test_rows_are_counted_by_the_day_of_their_files_and_rewritten_files_once(company: SmallCompany) -> None:
    header, row = "id,who,what,at,sent,received,amount,currency", "1,a,b,2026-03-01,,,5,EUR"
    noon = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
    assert verdicts(company, noon) == {"rows_keep_arriving": None, "row_counts_are_usual": None}
    for number in range(1, 10):
        company.land(f"events/2026-03-0{number}.csv", csv(header, *[row] * 100))
    company.materialize("raw/shop__events", days=range(1, 10))
    assert verdicts(company, noon)["row_counts_are_usual"] is True
    company.land("events/2026-03-09.csv", csv(header, *[row] * 50))
    company.materialize("raw/shop__events", days=(9,))
    assert verdicts(company, noon)["row_counts_are_usual"] is False
    company.amend("sources/shop.yaml", "files: events", "arrivals: {rows: [1, 50], within: 1 hour}\n    files: events")
    assert verdicts(company, noon)["row_counts_are_usual"] is True
    in_two_hours = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    assert verdicts(company, in_two_hours)["rows_keep_arriving"] is False


def test_the_checks_of_watched_streams_warn_on_their_pages(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "files: events", "arrivals: {within: 1 hour}\n    files: events")
    company.amend("sources/shop.yaml", "files: people", "arrivals: {watched: false}\n    files: people")
    (asset,) = company.assets("raw/shop__events")
    defs = dg.Definitions(assets=[asset], asset_checks=checks(company.model), resources={"lake": company.lake})
    job = dg.define_asset_job("arrivals", selection=dg.AssetSelection.checks(*checks(company.model)))
    defs = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("arrivals").execute_in_process()
    found = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert {check.asset_key.path[-1] for check in found.values()} == {"shop__events"}
    assert not found["rows_keep_arriving"].passed
    assert found["rows_keep_arriving"].description == "no rows have come yet"
    assert found["rows_keep_arriving"].severity == dg.AssetCheckSeverity.WARN
    assert found["row_counts_are_usual"].passed
    assert found["row_counts_are_usual"].metadata["verdict"].value == "none yet"


def test_what_is_declared_the_wrong_way_round_is_refused(company: SmallCompany) -> None:
    company.amend("sources/shop.yaml", "files: events", "arrivals: {rows: [5, 1]}\n    files: events")
    with pytest.raises(ModelError, match=r"streams\.events\.arrivals: the fewest `rows` come first"):
        _ = company.model
