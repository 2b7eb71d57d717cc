"""A window that begins before the data does is said, and one that looks at a rare event of an old source is not."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from cdp_assets.segments.coverage import first_days, uncovered, windows_are_covered
from cdp_model.behaviour import Counted, DidNot, Sequence
from cdp_model.traits import Segment, Trait
from tests.profiles.conftest import add_events, add_person, lake_in_memory, model

DAY = dt.date(2026, 3, 31)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """One source: views since the tenth of March, and a single order on the twentieth."""
    with lake_in_memory() as con:
        add_person(con, "p1")
        for name, day in (("View", 10), ("Order", 20)):
            moment = dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC)
            add_events(con, [{"person": "p1", "name": name, "event_id": name, "occurred_at": moment, "value": 1}])
        yield con


def test_a_window_that_begins_before_the_data_is_said(con: duckdb.DuckDBPyConnection) -> None:
    company = model(
        {"views": Trait(description="v", aggregate="count", events=["View"], window="90 days")},
        {
            "short": Segment(description="s", all=[DidNot(did_not=Counted(events=["Order"], window="14 days"))]),
            "ever": Segment(description="e", all=[DidNot(did_not=Counted(events=["Order"]))]),
            "by_trait": Segment(description="t", all=["views > 1"]),
            "then": Segment(
                description="s",
                all=[
                    Sequence.model_validate({"sequence": [{"events": ["View"]}, {"not": "Order"}], "window": "30 days"})
                ],
            ),
        },
    )
    assert uncovered(company, DAY, first_days(con, "Europe/Berlin")) == [
        "by_trait looks at View since 2026-01-01 (90 days), and its sources begin on 2026-03-10",
        "then looks at View since 2026-03-02 (30 days), and its sources begin on 2026-03-10",
    ]
    assert not windows_are_covered(con, company, DAY).passed


def test_an_event_that_is_rarer_than_its_source_is_old_is_no_reason_to_warn(con: duckdb.DuckDBPyConnection) -> None:
    fortnight = Segment(description="f", all=[DidNot(did_not=Counted(events=["Order"], window="21 days"))])
    assert windows_are_covered(con, model(segments={"fortnight": fortnight}), DAY).passed
