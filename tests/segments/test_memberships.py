"""Who is in a segment on a day, who came and went, and that backfills change nothing when repeated."""

import datetime as dt
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_assets.segments.changes import compare_days
from cdp_assets.segments.conditions import asked, condition, name_of, true_of
from cdp_assets.segments.memberships import evaluate_days
from cdp_assets.segments.reasons import EXPIRED
from cdp_model.conditions import conditions
from cdp_model.traits import Group, Segment, Trait
from cdp_resources.lake import Lake
from tests.profiles.conftest import add_events, add_person, make_tables, model

DAYS = [dt.date(2026, 3, day) for day in (1, 2, 3)]
TRAITS = {"orders_2d": Trait(description="o", aggregate="count", events=["Order"], window="2 days")}
SEGMENTS = {
    "buyers": Segment(description="ordered within two days", all=["orders_2d > 0"]),
    "germans": Segment(description="in Germany", any=["country = 'DE'"]),
    "nobody": Segment(description="empty", all=["orders_2d > 99"]),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}", data_path=str(tmp_path / "data"))
    with lake.transaction() as con:
        make_tables(con)
        add_person(con, "p1", country="DE")
        add_person(con, "p2", country="GB")
        first = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
        add_events(con, [{"person": "p2", "name": "Order", "event_id": "1", "occurred_at": first, "value": 1}])
    return lake


def backfill(lake: Lake, days: list[dt.date]) -> None:
    with lake.transaction() as con:
        evaluate_days(con, model(TRAITS, SEGMENTS), days)
        compare_days(con, days)


def contents(lake: Lake) -> tuple[list[Any], list[Any], list[Any]]:
    with lake.reading() as con:
        return (
            con.execute("SELECT * FROM lake.segments.memberships ORDER BY ALL").fetchall(),
            con.execute("SELECT as_of, segment, person_id, change FROM lake.segments.changes ORDER BY ALL").fetchall(),
            con.execute("SELECT as_of, segment, members FROM lake.segments.evaluations ORDER BY ALL").fetchall(),
        )


def test_each_day_has_its_own_members_and_changes(lake: Lake) -> None:
    backfill(lake, DAYS)
    members, changes, evaluations = contents(lake)
    assert (DAYS[0], "buyers", "p2") in members
    assert (DAYS[2], "buyers", "p2") not in members
    assert changes == [
        (DAYS[0], "buyers", "p2", "entered"),
        (DAYS[0], "germans", "p1", "entered"),
        (DAYS[2], "buyers", "p2", "exited"),
    ]
    assert (DAYS[1], "nobody", 0) in evaluations


@pytest.mark.parametrize("order", list(permutations(DAYS)), ids=lambda order: "-".join(str(day.day) for day in order))
def test_days_made_in_any_order_and_twice_equal_one_run_over_the_range(
    lake: Lake, tmp_path: Path, order: tuple[dt.date, ...]
) -> None:
    backfill(lake, DAYS)
    at_once = contents(lake)
    with lake.transaction() as con:
        for table in ("memberships", "changes", "evaluations"):
            con.execute(f"DELETE FROM lake.segments.{table}")
    for day in [*order, order[0]]:
        backfill(lake, [day])
    assert contents(lake) == at_once


@pytest.mark.parametrize(
    ("group", "inside"),
    [
        (Group(all=["x > 1"]), {3}),
        (Group(all=["x > 1", "y"]), {3}),
        (Group(any=["x > 1", "y"]), {3}),
        (Group(none=["x > 1"]), {1, 2}),
        (Group(all=["x is null"]), {2}),
        (Group(all=[Group(none=["y"]), Group(any=["x = 1", "x is null"])]), {1, 2}),
    ],
    ids=["all", "both", "any", "none counts null as not true", "null itself", "nested"],
)
def test_null_counts_as_not_true_in_every_kind_of_group(group: Group, inside: set[int]) -> None:
    with duckdb.connect() as con:
        truths = ", ".join(f"{asked(part, ['x', 'y'])} AS {true_of(name_of(part))}" for _, part in conditions(group))
        rows = f"SELECT id, {truths} FROM (VALUES (1, 1, false), (2, NULL, NULL), (3, 3, true)) AS t(id, x, y)"
        found = con.execute(f"SELECT id FROM ({rows}) WHERE {condition(group)}").fetchall()
    assert {row[0] for row in found} == inside


def test_a_segment_past_its_expiry_has_nobody_in_it(lake: Lake) -> None:
    expiring = {"germans": SEGMENTS["germans"].model_copy(update={"expires": DAYS[0]})}
    with lake.transaction() as con:
        evaluate_days(con, model(TRAITS, expiring), DAYS)
        compare_days(con, DAYS, model(TRAITS, expiring))
        reasons = con.execute("SELECT as_of, change, reason FROM lake.segments.changes WHERE as_of > ?", DAYS[:1])
        assert reasons.fetchall() == [(DAYS[1], "exited", EXPIRED)]
    assert contents(lake)[2] == [(DAYS[0], "germans", 1), (DAYS[1], "germans", 0), (DAYS[2], "germans", 0)]
