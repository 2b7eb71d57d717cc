"""As we know it now and as we knew it then: late data and a merge that came later, seen by each."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.knowledge import (
    Known,
    NotKnownAnyMore,
    known_at,
    known_when_first_evaluated,
    then_and_now,
)
from cdp_assets.segments.memberships import evaluate_days, note_first
from cdp_assets.segments.memberships_as_known import memberships_as_known_asset
from cdp_model.behaviour import Counted, Did
from cdp_model.model import Model
from cdp_model.traits import Segment
from cdp_resources.lake import Lake
from sensors.maintenance import Housekeeping, keep_house
from tests.profiles.conftest import add_events, add_person, make_tables, model

DAY = dt.date(2026, 3, 2)
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
BUYERS = {"buyers": Segment(description="b", all=[Did(did=Counted(events=["Order"]))])}


def order(person: str) -> dict[str, object]:
    return {"person": person, "name": "Order", "event_id": person, "occurred_at": NOON, "value": 1}


def evaluate(lake: Lake, company: Model) -> None:
    with lake.transaction() as con:
        evaluate_days(con, company, [DAY])
        note_first(con, [DAY])
        compare_days(con, [DAY], company)


@pytest.fixture
def company() -> Model:
    return model(segments=BUYERS)


@pytest.fixture
def lake(tmp_path: Path, company: Model) -> Lake:
    """Ann and Ben had ordered when the day was evaluated. Then Cy's order came late, and Ben turned out to be Ann."""
    lake = Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    with lake.transaction() as con:
        make_tables(con)
        for person in ("ann", "ben", "cy"):
            add_person(con, person)
        add_events(con, [order("ann"), order("ben")])
    evaluate(lake, company)
    with lake.transaction() as con:
        add_events(con, [order("cy")])
        con.execute("UPDATE lake.identity.record_persons SET person_id = 'ann' WHERE person_id = 'ben'")
        con.execute("DELETE FROM lake.profiles.golden_records WHERE person_id = 'ben'")
    evaluate(lake, company)
    return lake


def test_late_data_and_a_later_merge_are_known_now_and_were_not_then(lake: Lake, company: Model) -> None:
    with lake.reading() as con:
        known = known_when_first_evaluated(con, DAY)
        members = con.execute("SELECT person_id FROM lake.segments.memberships ORDER BY ALL").fetchall()
    assert members == [("ann",), ("cy",)]
    assert then_and_now(lake, company, "buyers", DAY, known) == [
        Known("ann", "ann", then=True, now=True),
        Known("ben", "ann", then=True, now=True),
        Known("cy", "cy", then=False, now=True),
    ]


def test_a_segment_that_was_declared_later_can_be_asked_of_what_was_known_then(lake: Lake) -> None:
    new = model(segments={"idle": Segment(description="i", none=[Did(did=Counted(events=["Order"]))])})
    with lake.reading() as con:
        known = known_when_first_evaluated(con, DAY)
    assert then_and_now(lake, new, "idle", DAY, known) == [Known("cy", "cy", then=True, now=False)]


def test_a_moment_can_be_named_instead(lake: Lake, company: Model) -> None:
    with lake.reading() as con:
        now = known_at(con, dt.datetime.now(dt.UTC))
        with pytest.raises(NotKnownAnyMore, match=r"left since .* only"):
            known_at(con, dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
    assert all(one.then == one.now for one in then_and_now(lake, company, "buyers", DAY, now))


def test_the_asset_keeps_both_and_writes_beside_what_is_known_now(lake: Lake, company: Model) -> None:
    asset = memberships_as_known_asset(company)
    for _ in range(2):
        dg.materialize([asset], partition_key=str(DAY), resources={"lake": lake}, selection=[asset])
    with lake.reading() as con:
        then = con.execute("SELECT as_of, segment, person_id FROM lake.segments.memberships_as_known ORDER BY ALL")
        assert then.fetchall() == [(DAY, "buyers", "ann"), (DAY, "buyers", "ben")]
        now = con.execute("SELECT person_id FROM lake.segments.memberships ORDER BY ALL")
        assert now.fetchall() == [("ann",), ("cy",)]


def test_what_housekeeping_has_forgotten_is_refused_and_says_until_when_back_it_goes(lake: Lake) -> None:
    keep_house(dg.build_op_context(), Housekeeping(keep_days=0), lake)
    with lake.reading() as con, pytest.raises(NotKnownAnyMore, match=r"left since .*keep_days"):
        known_when_first_evaluated(con, DAY)
    with lake.reading() as con, pytest.raises(NotKnownAnyMore, match="not evaluated yet"):
        known_when_first_evaluated(con, dt.date(2026, 3, 9))
